"""mrl-search claims, as a user meets it."""

from calls import call


def test_an_unknown_key_or_no_file_is_one_line(here):
    (here / "claims.toml").write_text('[[claims]]\ntext = "so"\nsource = "me"\nevidense = []\n')
    for name, said in (("claims.toml", "unknown key 'evidense'"), ("none.toml", "cannot read the recipe none.toml")):
        told = call("claims", name, code=1).stderr
        assert said in told
        assert len(told.splitlines()) == 1


def test_claims_without_evidence_are_refused(here):
    (here / "claims.toml").write_text('[[claims]]\ntext = "so"\nsource = "me"\nevidence = []\n')
    assert "no evidence of “so”" in call("claims", "claims.toml", code=1).stderr
