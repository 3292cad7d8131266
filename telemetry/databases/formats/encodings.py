"""Which encoding a database's bytes are in: UTF-16 by its mark, UTF-8, GB 18030, otherwise cp1252.

UTF-8 proves itself. Files from China are in GBK or GB 18030. By their bytes many files in cp1252 could be
too: `°C` is a rare Chinese character. Two facts distinguish them:

- Chinese text consists of the common characters, both of whose bytes are above 0xA0 and the first below 0xD8
  (level 1 of GB 2312).
- Accented letters and degree signs lie between ASCII ones, or are small letters above 0xDF (`Größe`).
"""

import codecs

_LEVEL_2 = 0xD8  # lead byte from which on the characters of GB 2312 are rare ones
_COMMON_SHARE = 0.8  # of the characters that are not ASCII


def text_of(content: bytes) -> str:
    """Return `content` as text. It never fails: what cp1252 does not define becomes U+FFFD."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8-sig" or _is_chinese(text):
            return text
    return content.decode("cp1252", "replace")


def _is_chinese(text: str) -> bool:
    wide = "".join(character for character in text if not character.isascii())
    common = sum(lead < _LEVEL_2 for lead in wide.encode("gb2312", "ignore")[::2])
    return common >= _COMMON_SHARE * len(wide)
