SUMMARY = "The remote's system for a card"
DESCRIPTION = "Starts into the remote. Its root is read-only; nobody can log in, and nothing listens or asks on a network"
LICENSE = "GPL-3.0-only"

require pump-remote-image.inc
