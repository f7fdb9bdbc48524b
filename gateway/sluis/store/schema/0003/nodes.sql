-- Boards with our firmware. What is kept of a node's credentials is which generation it has and that key's print.
CREATE TABLE nodes (
  id TEXT PRIMARY KEY, -- the chip's own number, lower-case hex
  state TEXT NOT NULL,
  body TEXT NOT NULL -- the rest of model.Node, JSON
) STRICT;

-- Wi-Fi networks that nodes are told; sealed with a key that is derived from the site secret, which is not in here.
CREATE TABLE wifi_networks (
  ssid TEXT PRIMARY KEY,
  sealed BLOB NOT NULL,
  by TEXT NOT NULL,
  at_us INTEGER NOT NULL
) STRICT;
