"""What a virtual board runs before anything of its own: its flash becomes `/`, and `machine` that of a chip."""

from __future__ import annotations

MOUNTED = b"\x1e\x1eflash\x1e\x1e"
"""What the prelude says when the flash is mounted; nobody outside sees it."""

PRELUDE = """\
import sys, os, vfs
sys.path[:] = ['', '.frozen', {unix!r}]
import machine
if {radio!r}:
    sys.path.append({unix!r} + '/radio')
    import network
class Flash:
    def __init__(self):
        self.file = open({flash!r}, 'r+b')
        self.left = {cut!r}
    def readblocks(self, block, buffer, offset=0):
        self.file.seek({start} + block * {block} + offset)
        self.file.readinto(buffer)
    def writeblocks(self, block, buffer, offset=0):
        self.spend({start} + block * {block} + offset, buffer)
        self.file.seek({start} + block * {block} + offset)
        self.file.write(buffer)
        self.file.flush()
    def spend(self, at, buffer):
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:  # half of it is written, then there is no power
            self.file.seek(at)
            self.file.write(buffer[:len(buffer) // 2])
            self.file.flush()
            os.system('kill -KILL $PPID')
    def ioctl(self, op, argument):
        if op == 6:
            self.writeblocks(argument, b'\\xff' * {block})
            return 0
        return {{4: {blocks}, 5: {block}}}.get(op)
flash = Flash()
class Chip:  # the module rp2, as far as it is about the flash
    Flash = staticmethod(lambda: flash)
sys.modules['rp2'] = Chip
{chip}
vfs.umount('/')
try:
    files = vfs.VfsLfs2(flash, progsize=256, readsize=256)
except OSError:  # erased: MicroPython makes a file system at its first start
    vfs.VfsLfs2.mkfs(flash, progsize=256, readsize=256)
    files = vfs.VfsLfs2(flash, progsize=256, readsize=256)
vfs.mount(files, '/')
del files
os.chdir('/')
sys.path[:] = ['', '.frozen', '/lib']
def reset():
    os.system('kill -USR1 $PPID')  # leaving by itself would end at the prompt
machine.reset = reset
machine.soft_reset = lambda: os.system('kill -USR2 $PPID')
import micropython as its_own
class Micropython:
    @staticmethod
    def kbd_intr(char):
        import termios
        flags = termios.tcgetattr(0)
        flags[3] = flags[3] | 1 if char >= 0 else flags[3] & ~1
        termios.tcsetattr(0, termios.TCSANOW, flags)
    def __getattr__(self, name):
        return getattr(its_own, name)
sys.modules['micropython'] = Micropython()
sys.stdout.write({mounted!r})
def run(name):
    try:
        with open(name) as file:
            program = compile(file.read(), name, 'exec')
        exec(program, {{'__name__': '__main__'}})
    except OSError as error:
        if error.errno != 2:
            sys.print_exception(error)
    except SystemExit:
        machine.soft_reset()
    except BaseException as error:
        sys.print_exception(error)
for name in {programs!r}:
    run(name)
del name, run, reset
"""
