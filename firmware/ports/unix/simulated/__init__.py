"""Parts as their data sheets describe them, each in a file of its own with a class named `SIMULATED`.

`told` is what the world file says of it. On 1-Wire: `reset()`, `takes(bit)`, `sends()`. On I2C: `write(data)`,
`read(size)`; OSError is "not acknowledged". A part answers in its own registers, never in degrees.
"""
