"""A report as a comment on a pull request, read back as a renderer reads it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from mcompile.record import Log, Report, Skipped
from mcompile.report import markdown


class Page(HTMLParser):
    """Tags, and the text of table cells row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.words = ""
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def test_the_verdict_comes_first_and_the_tables_follow(sample: Report) -> None:
    text = markdown.render(sample)
    assert text.startswith("### ❌ failed: efficientnet-lite0 → cpu-server int8 (onnxruntime)\n")
    rows = Page(text).rows
    assert ["size", "12.0 MB", "4.92 MB", "✅ passed", "measured"] in rows
    assert ["accuracy", "90.0 %", "85.0 %", "-5.00 pp", "measured"] in rows
    assert sample.headlines[0] in text


def test_reasons_and_advice_are_folded(sample: Report) -> None:
    text = markdown.render(sample)
    assert text.count("<details>") == text.count("</details>") == 7
    assert "pin the threads" in text
    assert "conv\\_stem\\_out has other readers" in text


def test_an_undone_rewrite_leads_to_its_reproducer(sample: Report) -> None:
    words = " ".join(Page(markdown.render(sample)).words.split())
    assert "outputs differ by 0.12" in words
    assert "reproduce/fold_constants-slice_2" in words


def test_hostile_names_do_nothing(hostile: Report) -> None:
    text = markdown.render(hostile)
    page = Page(text)
    assert not {"script", "a", "em", "strong", "code", "img"} & set(page.tags) - {"strong"}
    assert "<script>alert(1)</script> | a␊b ]]>" in page.words
    assert not re.search(r"(?<!\w)@team", text)
    assert len({len(row) for row in page.rows[: len(hostile.checks) + 1]}) == 1


def test_a_long_list_is_cut_and_says_so(sample: Report) -> None:
    many = tuple(Skipped("r", f"n{i}", "because") for i in range(80))
    text = markdown.render(replace(sample, rules=Log(skipped=many)))
    assert text.count("because") == 50
    assert "and 30 more, in report.json" in text


def test_the_least_report_has_no_empty_fold(bare: Report) -> None:
    text = markdown.render(bare)
    assert "<details>" not in text
    assert "❔ unproven" in text


def test_quantized_layers_and_sensitivity_are_tables(sample: Report) -> None:
    text = markdown.render(sample)
    assert "| /blocks.6/conv\\_6\\_out | Conv | 15.5 dB | -12.5 dB |" in text
    assert "The error jumps at /blocks.6/conv\\_6\\_out." in text
    assert "| the 2 noisiest layers float | 2 | 18.7 dB | 8.30 ms | taken |" in text
    assert "| stem | Conv | 19.5 dB | 10.8 M |" in text
    assert "--keep-float LAYER" in text
    assert "--plan plan.json" in text


def test_a_comment_holds_fifty_layers(sample: Report) -> None:
    text = markdown.render(replace(sample, quantized_layers=sample.quantized_layers * 3))
    assert "And 10 more, in report.json." in text
