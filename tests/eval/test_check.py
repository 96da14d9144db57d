from test_report import EVALUATION

from mrl_search.eval import Expected, check


def test_checking_says_ok_fail_or_not_measured():
    lines = check(
        EVALUATION,
        (
            Expected("enc", "64:200,768:10", "nDCG@10", at_least=0.4),
            Expected("enc", "64:200,768:10", "nDCG@10", value=0.6),
            Expected("enc", "768:10", "nDCG@10", value=0.5),
        ),
    )
    assert [line[:4] for line in lines] == ["OK  ", "FAIL", "FAIL"]
    assert "0.5000, expected 0.6000 ± 0.0005" in lines[1]
    assert "not measured" in lines[2]
