"""The page: what it holds, and how it looks in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from mcompile.record import Layer, Log, Report, Skipped
from mcompile.report import page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Dom(HTMLParser):
    """Every tag with its attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_tells_the_whole_build(sample: Report) -> None:
    words = Dom(page.render(sample)).words
    told = ("Failed", "latency p99", "measured elsewhere", "44.0..98.0 mJ")
    also = ("conv_stem_out has other readers", "leaves the graph", "3f" * 32, "photos.npz", "avx2")
    assert [t for t in (*told, *also, sample.headlines[0], "Try: pin") if t not in words] == []


def test_the_page_asks_for_nothing_and_runs_nothing(sample: Report) -> None:
    html = page.render(sample)
    tags = Dom(html).tags
    assert not {"script", "img", "iframe", "object", "form"} & {t for t, _ in tags}
    links = [str(v) for _, a in tags for k, v in a.items() if k.endswith(("href", "src"))]
    assert len(links) > 8
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#|\"#)|@import|(?:src|href)=.http", html)


def test_the_page_is_accessible(sample: Report) -> None:
    tags = Dom(page.render(sample)).tags
    names = [t for t, _ in tags]
    assert next(a for t, a in tags if t == "html")["lang"] == "en"
    assert "title" in names
    assert all("scope" in a for t, a in tags if t == "th")
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    anchors = [a["href"] for t, a in tags if t == "a"]
    assert {str(a).removeprefix("#") for a in anchors} <= set(ids)


def test_the_page_shows_each_quantized_layer_and_where_the_error_jumps(sample: Report) -> None:
    dom = Dom(page.render(sample))
    assert [a for t, a in dom.tags if t == "tr" and a.get("class") == "jump"] != []
    words = " ".join(dom.words.split())
    told = ("The error jumps at /blocks.6/conv_6_out.", "the error jumps here", "0.120 %", "exact",
            "0.0235, zero at 114 (uint8)", "32 channels, 0.0041..0.0101", "-12.5 dB",
            "kept float by request")  # fmt: skip
    assert [t for t in told if t not in words] == []


def test_the_page_shows_what_was_tried_and_how_to_override(sample: Report) -> None:
    dom = Dom(page.render(sample))
    assert len([a for t, a in dom.tags if t == "tr" and a.get("class") == "taken"]) == 1
    words = " ".join(dom.words.split())
    told = ("the 2 noisiest layers float taken", "stem, w, x, y", "did not run", "not timed",
            "2 layers by the noise that each makes alone", "10.8 M",
            "--keep-float LAYER", "--plan plan.json")  # fmt: skip
    assert [t for t in told if t not in words] == []


def test_many_quantized_layers_are_folded(sample: Report) -> None:
    many = sample.quantized_layers * 3
    assert "20 later layers" in page.render(replace(sample, quantized_layers=many))


def test_an_undone_rewrite_leads_to_its_reproducer(sample: Report) -> None:
    words = " ".join(Dom(page.render(sample)).words.split())
    assert "outputs differ by 0.12" in words
    assert "reproduce/fold_constants-slice_2" in words


def test_hostile_names_are_text(hostile: Report) -> None:
    html = page.render(hostile)
    dom = Dom(html)
    assert "script" not in {t for t, _ in dom.tags}
    assert "<script>alert(1)</script> | a␊b ]]> ␛[31m {{ 7*7 }}" in dom.words
    assert not {"\x1b", "\u202e"} & set(html)


def test_the_same_report_is_the_same_page(sample: Report) -> None:
    assert page.render(sample) == page.render(sample)


def test_layers_are_listed_slowest_first_and_the_rest_is_folded(sample: Report) -> None:
    bars = page.bars(sample.layers)
    assert bars[0].layer.time_ms == max(x.time_ms for x in sample.layers)
    assert bars[0].width == 100.0
    assert sum(b.share for b in bars) == pytest.approx(100.0)
    assert "15 faster layers" in page.render(sample)


def test_a_layer_ten_times_as_noisy_has_a_bar_ten_times_as_long() -> None:
    bars = page.bars((Layer("a", "Conv", 2.0, 20.0), Layer("b", "Conv", 1.0, 40.0)))
    assert [b.noise for b in bars] == pytest.approx([100.0, 10.0])
    assert page.bars((Layer("a", "Conv", 0.0),))[0].share == 0.0


def test_a_long_list_is_cut_and_says_so(sample: Report) -> None:
    many = tuple(Skipped("r", f"n{i}", "because") for i in range(page.LISTED + 5))
    html = page.render(replace(sample, rules=Log(skipped=many)))
    assert html.count('<td class="name">because</td>') == page.LISTED
    assert "5 more in report.json" in html


def test_the_least_report_is_a_page(bare: Report) -> None:
    words = Dom(page.render(bare)).words
    assert "Unproven" in words
    assert "Nothing was recorded." in words


FRAMES = """<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<style>body {{ margin: 0 }} iframe {{ border: 0; display: block }}</style>{frames}
<pre id="seen"></pre>
<script>
addEventListener("load", () => {{
  const look = frame => {{
    const page = frame.contentDocument, root = page.documentElement;
    page.querySelectorAll("details").forEach(d => d.open = true);
    const verdict = page.querySelector(".verdict b"), box = verdict.getBoundingClientRect();
    const plots = [...page.querySelectorAll("figure svg")].map(s => s.getBBox());
    return {{
      width: root.clientWidth, wide: root.scrollWidth, verdict: verdict.innerText,
      seen: box.width > 0 && box.height > 0 && box.top < 900,
      shown: getComputedStyle(verdict).visibility,
      plots: plots.map(b => [b.width, b.height]),
      requests: frame.contentWindow.performance.getEntriesByType("resource").length,
      cut: [...page.querySelectorAll("td.num, .badge, .tiles dd")].filter(e => !e.closest(".scroll")
        && e.getBoundingClientRect().right > root.clientWidth).map(e => e.innerText),
    }};
  }};
  document.getElementById("seen").textContent =
    JSON.stringify([...document.querySelectorAll("iframe")].map(look));
}});
</script>"""


@pytest.fixture
def browser() -> str:
    found = next((b for b in map(shutil.which, BROWSERS) if b), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    return found


def browse(browser: str, folder: Path, *options: str) -> str:
    command = [browser, *QUIET, f"--user-data-dir={folder / 'profile'}", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def framed(folder: Path, pages: dict[str, Report], sizes: tuple[tuple[int, int], ...]) -> str:
    frames = ""
    for name, report in pages.items():
        (folder / f"{name}.html").write_text(page.render(report), encoding="utf-8")
        for width, height in sizes:
            frames += f'<iframe src="{name}.html" width="{width}" height="{height}"></iframe>'
    (folder / "frames.html").write_text(FRAMES.format(frames=frames), encoding="utf-8")
    return (folder / "frames.html").as_uri()


def test_the_page_fits_a_phone_and_a_desktop(
    browser: str, sample: Report, hostile: Report, bare: Report, tmp_path: Path
) -> None:
    pages = {"sample": sample, "hostile": hostile, "bare": bare}
    url = framed(tmp_path, pages, ((375, 900), (1280, 900)))
    options = ("--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom")
    seen = re.search(r'<pre id="seen">(.*?)</pre>', browse(browser, tmp_path, *options, url))
    assert seen is not None
    looks = json.loads(
        seen.group(1).replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
    )
    assert [look["width"] for look in looks] == [375, 1280] * 3
    assert [look["wide"] for look in looks] == [375, 1280] * 3
    assert all(look["seen"] and look["shown"] == "visible" for look in looks)
    assert [look["verdict"] for look in looks[::2]] == ["✕ Failed", "✕ Failed", "? Unproven"]
    assert all(look["requests"] == 0 and look["cut"] == [] for look in looks)
    assert all(min(box) > 50 for look in looks[:4] for box in look["plots"])
    assert [len(look["plots"]) for look in looks] == [3, 3, 3, 3, 0, 0]


@pytest.mark.parametrize(("scheme", "bright"), [(1, (0.75, 1.0)), (0, (0.0, 0.3))])
def test_the_page_is_drawn_in_light_and_in_dark(
    browser: str, sample: Report, tmp_path: Path, scheme: int, bright: tuple[float, float]
) -> None:
    url = framed(tmp_path, {"sample": sample}, ((375, 1800),))
    picture = tmp_path / "page.png"
    options = (f"--screenshot={picture}", "--window-size=500,1800")
    browse(browser, tmp_path, *options, f"--blink-settings=preferredColorScheme={scheme}", url)
    image = Image.open(picture).convert("RGB").crop((0, 0, 375, 1800))
    colours = image.getcolors(maxcolors=1 << 20)
    assert colours is not None
    assert len(colours) > 200
    grey = image.convert("L").histogram()
    brightness = sum(i * n for i, n in enumerate(grey)) / sum(grey) / 255
    assert bright[0] < brightness < bright[1]
    red = sum(n for n, (r, g, b) in colours if r > g + 8 and r > b + 8 and abs(g - b) < 16)
    assert red > 5000
