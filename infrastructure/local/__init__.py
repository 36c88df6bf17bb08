"""The service on one machine: an AWS emulator, the template deployed to it, a signed client."""
