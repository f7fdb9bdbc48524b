-- What was tried to bring a link back, and whether it helped.
CREATE TABLE link_steps (
  id INTEGER PRIMARY KEY,
  link TEXT NOT NULL,
  rung TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  for_us INTEGER NOT NULL,
  healed INTEGER NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE INDEX link_steps_by_link ON link_steps (link, id);
