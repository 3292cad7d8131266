"""Serial ports: the link, the conversation with the device, its silence."""
