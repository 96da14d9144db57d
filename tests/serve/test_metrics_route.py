"""What Prometheus scrapes."""

from prometheus_client.parser import text_string_to_metric_families


def samples(client):
    text = client.get("/metrics").text
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_stages_certificates_and_remembered_queries_are_counted(reading):
    _, client = reading
    before = samples(client)
    for _ in range(2):
        client.post("/v1/search", json={"query": "counted once", "funnel": "16:20,64:3", "guarantee": "exact"})
    client.post("/v1/search", json={"query": "counted once", "funnel": "16:1"})
    after = samples(client)

    def more(name, **labels):
        key = (name, *sorted(labels.items()))
        return after[key] - before.get(key, 0)

    stage = "mrl_search_stage_seconds_count"
    assert more(stage, index="animals", stage="shortlist") == 3
    assert more(stage, index="animals", stage="rerank 1") == 2
    assert more(stage, index="animals", stage="proof") == 2
    assert more("mrl_search_answers_certified_total", index="animals") == 2
    assert (more("mrl_search_query_cache_misses_total"), more("mrl_search_query_cache_hits_total")) == (1, 2)
    assert more("mrl_search_requests_total", route="/v1/search", status="200") == 3
    assert after["mrl_search_queue_depth", ("queue", "search")] == 0
    assert after["mrl_search_documents", ("index", "animals")] == 40


def test_paths_that_do_not_exist_share_one_label(client):
    for number in range(3):
        client.get(f"/nothing/{number}")
    routes = {dict(key[1:]).get("route") for key in samples(client)}
    assert not [route for route in routes if route and "nothing" in route]
