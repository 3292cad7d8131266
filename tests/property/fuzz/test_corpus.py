"""The inputs of fuzz/corpus: what each harness starts from, and every input that once broke something."""

import pytest

from fuzz.catalogue import HARNESSES
from fuzz.engine import CORPUS, corpus_files, replay


@pytest.mark.parametrize("name", HARNESSES)
def test_every_input_of_the_corpus_holds(name: str) -> None:
    if name.startswith("mf4"):
        pytest.importorskip("asammdf", reason="asammdf is not installed")
    files = corpus_files(name)
    assert files
    replay(HARNESSES[name], files)


def test_every_folder_of_the_corpus_has_a_harness() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(HARNESSES)
