"""`python -m mrl_search` is `mrl-search`."""

from mrl_search.cli import main

if __name__ == "__main__":
    main(prog_name="mrl-search")
