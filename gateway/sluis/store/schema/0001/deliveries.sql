-- What identifies the deliveries and frames of one commit (see intake): blobs of 64-bit integers.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  link TEXT NOT NULL,
  session TEXT NOT NULL,
  tokens BLOB NOT NULL,
  digests BLOB NOT NULL,
  identities BLOB NOT NULL
) STRICT;
