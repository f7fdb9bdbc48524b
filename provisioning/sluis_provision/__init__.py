"""From a bare board to an adopted device: flashers, enrolment, keys, bundles, labels."""
