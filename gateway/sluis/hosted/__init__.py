"""Drop-in and third-party drivers, each source in a process of its own: no stranger's code can freeze the house.

`Host` (gateway's side) starts and supervises the process and makes a `Driver` class per family, whose calls go there;
`sluis.hosted.child` is what runs there. It is imported from its modules, so that the child loads only its own.
"""
