"""Home Assistant's templates, for payloads that strangers send along with their devices.

A discovery payload may carry Jinja templates: *value templates* turn what a device says into a state, *command
templates* turn a wish into what the device wants to hear. They come from whoever may publish on the broker, so
each is treated as hostile: checked when it is compiled, bounded while it renders (`budget`), and rendered in a
sandbox that knows Home Assistant's own filters, tests and functions and nothing else (`functions`). The common
forms skip Jinja altogether (`fast`), with equal results.

Source: Home Assistant 2026.2, documentation "Templating" and "MQTT", and the behaviour of that release.
What needs a running Home Assistant (`states()`, areas, labels, devices) does not exist here and counts as undefined.
"""

from sluis.wire.templates.budget import TemplateFailed
from sluis.wire.templates.template import Template, compile_template

__all__ = ["Template", "TemplateFailed", "compile_template"]
