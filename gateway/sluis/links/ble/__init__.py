"""The BLE link: one per adapter. `link.BleLink` is imported where one is configured: bleak costs memory and time."""
