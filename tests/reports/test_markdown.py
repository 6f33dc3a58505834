from __future__ import annotations

import msgspec

from reports.markdown import MAX_BYTES, escape, markdown
from suites.records import Result
from tests.reports import sample


def test_the_verdict_comes_first() -> None:
    assert markdown([sample.plain()]).splitlines()[0] == "# PASS"
    assert markdown([sample.troubled()]).splitlines()[0] == "# FAIL"


def test_every_cell_that_does_not_hold_has_its_reason() -> None:
    text = markdown([sample.troubled()])
    for result in sample.troubled().results:
        assert (f"**{escape(result.cell)}**" in text) == (result.outcome != "passed")


def test_a_cell_without_a_result_is_listed() -> None:
    text = markdown([sample.without(sample.plain(), "cnn/accuracy")])
    assert "∅ **cnn/accuracy** missing" in text
    assert "| CNN on images | 2 | 1 | 0 | 0 |" in text


def test_a_summary_keeps_githubs_limit_and_says_what_it_leaves_out() -> None:
    result = Result(check="linear/x", outcome="failed", points=0.0, max_points=1.0, message="é<" * 1_000)
    text = markdown([sample.bare(*(msgspec.structs.replace(result, variant=f"v{n}") for n in range(5_000)))])
    assert len(text.encode()) <= MAX_BYTES
    assert "more lines: see the report" in text
    assert text.splitlines()[-1].startswith("TensorFlow 2.21.0 · judged: reference")


def test_nothing_in_a_name_is_markup() -> None:
    assert escape("<b>|`a`[x](y)*_#\n@team & \x1b") == (r"&lt;b\>\|\`a\`\[x\]\(y\)\*\_\#↵&#64;team &amp; \\x1b")
    result = Result(
        check="linear/x", outcome="failed", points=0.0, max_points=1.0, message="a | b\n# FAKE\n<script>"
    )
    text = markdown([sample.bare(result)])
    assert "<script>" not in text
    assert not any(line.startswith("# FAKE") for line in text.splitlines())


def test_runs_are_told_apart() -> None:
    text = markdown([sample.plain(), sample.troubled()])
    assert "## run 1, TensorFlow 2.21.0" in text
    assert "## run 2, TensorFlow 2.21.0" in text
