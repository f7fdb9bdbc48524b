-- Commands with their newest receipt. Ids sort by time. `body` is model.Receipt as JSON.
CREATE TABLE commands (
  id TEXT PRIMARY KEY,
  device TEXT NOT NULL,
  point TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  stage TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX commands_by_point ON commands (device, point, id);
CREATE INDEX commands_under_way ON commands (stage) WHERE stage IN ('accepted', 'sent');
