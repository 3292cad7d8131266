"""`[[map]]`, `[[limit]]`, `[[protect]]` and `[reduce]`, resolved against what is decoded."""
