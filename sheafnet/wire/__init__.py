"""The wire: frames as bytes."""
