"""The pages of docs/ and README.md: computed tables equal the records, links and anchors lead somewhere, and nothing
lacks a page."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from pages import PROJECT, page_paths

from mmlib.data.catalogue import DATASETS
from mmlib.errors import UsageError
from mmlib.report import documents
from mmlib.seal import DIGEST
from mmlib.workbook.plan import load_plan, plan_paths

LINKED = [*page_paths(), PROJECT / "CONTRIBUTING.md", PROJECT / "CHANGELOG.md", PROJECT / "outputs" / "README.md"]
HOW = "run python -m mmlib.report.documents, look at what changed, and commit it"


@pytest.mark.parametrize("path", page_paths(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_tables_are_those_of_the_records(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("<!-- table: ") == text.count("<!-- end -->") == len(documents.MARK.findall(text))
    assert documents.renewed(text, PROJECT) == text, HOW


class TestARecordThatDisagrees:
    """Another number in a record is another table, and a page that keeps the old one does not pass."""

    @pytest.fixture
    def changed(self, tmp_path):
        """A project with the plans, claims and one reference, in which one seed of one row scores ten points more."""
        for folder in ("plans", "claims"):
            (tmp_path / "notebooks" / folder).mkdir(parents=True)
            for path in (PROJECT / "notebooks" / folder).iterdir():
                (tmp_path / "notebooks" / folder / path.name).symlink_to(path)
        for path in (PROJECT / "notebooks").glob("*.ipynb"):
            (tmp_path / "notebooks" / path.name).symlink_to(path)
        (tmp_path / "outputs" / "reference").mkdir(parents=True)
        arrays = PROJECT / "outputs" / "reference" / "iemf-av_digits.npz"
        (tmp_path / "outputs" / "reference" / arrays.name).symlink_to(arrays)
        content = json.loads((PROJECT / "outputs" / "reference" / "iemf-av_digits.json").read_text())
        del content[DIGEST]  # without one it is taken as it is
        text = json.dumps(content)
        assert '"clean/top1": 0.' in text
        text = re.sub(r'"clean/top1": 0\.(\d)', lambda m: f'"clean/top1": 0.{(int(m[1]) + 1) % 10}', text, count=1)
        (tmp_path / "outputs" / "reference" / "iemf-av_digits.json").write_text(text)
        return tmp_path

    def test_is_noticed(self, changed):
        page = "<!-- table: means iemf av_digits top1 -->\n<!-- end -->\n"
        before = documents.renewed(page, PROJECT)
        assert "±" in before
        assert documents.renewed(before, PROJECT) == before
        assert documents.renewed(before, changed) != before

    def test_one_that_is_absent_is_a_message(self, changed):
        with pytest.raises(UsageError, match="no committed record of table2 / grid_digits"):
            documents.renewed("<!-- table: statements table2 grid_digits -->\n<!-- end -->\n", changed)

    def test_an_unknown_table_is_a_message(self):
        with pytest.raises(UsageError, match="no table guess; there are findings"):
            documents.renewed("<!-- table: guess -->\n<!-- end -->\n", PROJECT)


def test_a_findings_verdict_allows_for_the_number_of_statements():
    """README calls a difference unadjusted where Holm's p is not below .05, and sets it bold where it is."""
    table = documents.findings_table(PROJECT).splitlines()[2:]
    assert len(table) >= 12
    found = documents.evidence(PROJECT, "valuation", "grid_words_video").family.verdicts
    (helps,) = [v for v in found if v.statement.id == "sample-helps"]
    assert helps.p_holm < 0.05
    assert documents.judged(helps) == "**holds**"
    found = documents.evidence(PROJECT, "iemf", "av_digits").family.verdicts
    (lfm,) = [v for v in found if v.statement.id == "iemf-helps-lfm"]
    assert lfm.p < 0.05 < lfm.p_holm
    assert documents.judged(lfm) == "holds, unadjusted"


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made where such pages are shown."""
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    plain = (re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", head).replace("`", "") for head in heads)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in plain}


@pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        assert place.exists(), f"{path.name}: {target}"
        assert place.is_relative_to(PROJECT), f"{path.name}: {target} leaves the repository"
        if anchor:
            assert anchor in anchors(place.read_text(encoding="utf-8")), f"{path.name}: {target}"


def test_pictures_say_what_they_show():
    for path in page_paths():
        for words, target in re.findall(r"!\[([^]]*)\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert len(words) > 25, f"{path.name}: {target} needs words for those who do not see it"


def test_every_page_is_reached_from_the_index():
    docs, seen = PROJECT / "docs", set()
    waiting = [docs / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen and page.exists():
            seen.add(page)
            text = page.read_text(encoding="utf-8")
            waiting += [(page.parent / t).resolve() for t in re.findall(r"\]\(([^)#:]+\.md)[^)]*\)", text)]
    assert not sorted(set(docs.rglob("*.md")) - seen)


def test_every_data_set_plan_and_figure_has_its_page():
    told = re.findall(
        r"<!-- table: dataset (\S+) -->", "".join(p.read_text() for p in (PROJECT / "docs/data").glob("*.md"))
    )
    assert sorted(told) == sorted(DATASETS)
    for name, path in plan_paths(PROJECT).items():
        plan = load_plan(path)
        home = "figures" if name in ("correlation", "zeta") else "tables"
        page = (PROJECT / "docs" / home / f"{name}.md").read_text()
        for profile in plan.profiles:
            assert f"--profile {profile}" in page or f"`{profile}`" in page, f"{name}: no word on profile {profile}"


def test_the_citation_names_every_paper_of_the_readme():
    cited = yaml.safe_load((PROJECT / "CITATION.cff").read_text())["references"]
    readme = (PROJECT / "README.md").read_text()
    dois = set(re.findall(r"https://doi\.org/(\S+?)\)", readme))
    assert dois == {paper["doi"] for paper in cited if "doi" in paper}
    for paper in cited:
        assert paper["authors"], paper["title"]
        assert paper["year"], paper["title"]
    for title in re.findall(r": \*(.*?)\* \(|: \*(.*?)\* \|", readme):
        assert "".join(title) in {paper["title"] for paper in cited}
