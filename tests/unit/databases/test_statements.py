"""DBC text cut into statements."""

from telemetry.databases.formats.dbc_statements import statements


def cut(text: str) -> list[tuple[int, str, str]]:
    return [(statement.line, statement.keyword, statement.text) for statement in statements(text)]


def test_each_statement_begins_with_a_keyword_on_a_line_of_its_own() -> None:
    assert cut('VERSION ""\n\nBO_ 1 A: 8 X\n SG_ B : 0|8@1+ (1,0) [0|0] "" X\n') == [
        (1, "VERSION", 'VERSION ""'),
        (3, "BO_", "BO_ 1 A: 8 X"),
        (4, "SG_", 'SG_ B : 0|8@1+ (1,0) [0|0] "" X'),
    ]


def test_a_string_over_several_lines_belongs_to_its_statement() -> None:
    text = 'CM_ BO_ 1 "first\nVAL_ is no statement here\nlast \\" line";\nVAL_ 1 B 0 "x" ;'
    assert [(line, keyword) for line, keyword, _ in cut(text)] == [(1, "CM_"), (4, "VAL_")]


def test_a_path_that_ends_with_a_backslash_swallows_nothing() -> None:
    text = 'BA_ "Folder" "C:\\logs\\";\nVAL_ 1 B 0 "x" ;'
    assert [(line, keyword) for line, keyword, _ in cut(text)] == [(1, "BA_"), (2, "VAL_")]


def test_a_string_that_never_ends_does_not_swallow_the_messages_after_it() -> None:
    text = 'CM_ BO_ 1 "no end\nBO_ 2 A: 8 X\n SG_ B : 0|8@1+ (1,0) [0|0] "" X'
    assert [keyword for _, keyword, _ in cut(text)] == ["CM_", "BO_", "SG_"]


def test_the_list_of_new_symbols_names_keywords_and_has_no_statements() -> None:
    assert [keyword for _, keyword, _ in cut("NS_ :\n\tCM_\n\tBA_DEF_\n\nBS_:\nBU_: X")] == [
        "NS_",
        "BS_",
        "BU_",
    ]


def test_a_line_that_begins_with_no_keyword_is_a_statement_of_none() -> None:
    assert cut("hello\nBO_1 A\n") == [(1, "", "hello"), (2, "", "BO_1 A")]
