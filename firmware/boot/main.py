"""`/main.py`: runs the application, and starts the chip again when that fails."""

import sys
import time

import machine

BOOTS_MAX = 8  # then the prompt stays open for a cable, as nothing in this slot works


def run():
    boot = sys.modules["sluis_boot"]
    try:
        from sluis_node.app import main

        main(boot)
    except KeyboardInterrupt:
        boot.excuse()
        boot.release()
        return
    except Exception as error:
        sys.print_exception(error)
        try:
            with open("/crash.txt", "w") as file:
                sys.print_exception(error, file)
        except OSError:
            pass
        boot.release()
        if boot.state["boots"] > BOOTS_MAX:
            return
        time.sleep(2)
    machine.reset()


run()
