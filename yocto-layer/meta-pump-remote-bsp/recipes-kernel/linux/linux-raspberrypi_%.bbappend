FILESEXTRAPATHS:prepend:pump-remote-board := "${THISDIR}/files:"

SRC_URI:append:pump-remote-board = " file://pump-remote.cfg"
# Their touch panels are on I2C: whatever is plugged into USB is not heard at all.
SRC_URI:append:pump-remote-pi4 = " file://no-usb-input.cfg"
SRC_URI:append:pump-remote-pi5 = " file://no-usb-input.cfg"
