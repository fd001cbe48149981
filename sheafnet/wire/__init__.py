"""The wire: frames, and their encoding as bytes.

Two hosts exchange frames. A frame carries messages between vertices and acknowledgements of earlier
frames. A host sends a message again until it is acknowledged. Read ``sheafnet.wire.frame`` first:
it defines the fields of a frame. Then read ``sheafnet.wire.codec``: it converts a frame to bytes
and back, and describes the layout byte by byte.

This package has no clock and no network. ``sheafnet.runtime.hosts.transport`` makes
frames out of messages, and ``sheafnet.runtime.hosts.outbox`` decides when a message is sent
again. A message itself is defined in ``sheafnet.dynamics.messages``. The simulator and the
cluster both pass the bytes that ``sheafnet.wire.codec.Codec.encode`` returns.

A contributor must keep these invariants:

- For any bytes, ``sheafnet.wire.codec.Codec.decode`` returns a frame or raises
  ``sheafnet.errors.ProtocolError``. It raises no other exception.
- Every size is compared with ``sheafnet.wire.codec.Limits`` before anything of that size is
  allocated. The checksum is verified before the header is parsed.
- The arrays are stored outside the msgpack header. The decoded arrays are read-only and share the
  memory of the received bytes.
- A header may not contain a type that the layout does not list. Types are compared with
  ``type(x) is``, so that a ``bool`` is not accepted as an ``int``.
- Whoever changes the layout increases ``sheafnet.wire.codec.VERSION``. A frame of another version
  is refused, and the error names both versions.
- Restriction maps never travel in frames between hosts.
- ``msgpack`` and ``xxhash`` are imported in this package and nowhere else. An import contract in
  ``pyproject.toml`` checks this.

Both modules run for every frame of a simulated run, so some loops are written out for speed.
Comments mark these places.
"""
