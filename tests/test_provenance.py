import json

from mrl_search.provenance import machine, provenance


def test_the_record_is_json_and_names_code_machine_and_packages():
    record = json.loads(json.dumps(provenance()))
    assert {"mrl_search", "commit", "command", "time", "python", "machine", "device", "packages"} == set(record)
    assert record["packages"]["numpy"]


def test_the_machine_is_one_line_with_cores_and_memory():
    assert "cores" in machine()
    assert "\n" not in machine()
