-- Every version of every rule, with who made it and when. An empty version says that the rule was removed.
CREATE TABLE rule_versions (
  id INTEGER PRIMARY KEY,
  rule TEXT NOT NULL,
  version TEXT NOT NULL,
  body BLOB NOT NULL,
  author TEXT NOT NULL,
  at_us INTEGER NOT NULL
) STRICT;

CREATE INDEX rule_versions_by_rule ON rule_versions (rule, id);
