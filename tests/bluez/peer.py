"""Peers on another host stack than BlueZ: Bumble, on a controller of its own beside the two of the bench.

peer.py CONTROLLER stranger ADDRESS   connects without a bond, and says how each access to the pump's table was answered
peer.py CONTROLLER pump SOCKET        is a pump: passes what is written to the pump on that socket, and indicates its answers;
                                      "open" and "shut" on standard input move its pairing window

The bench drives it by its lines; "quit" ends it.
"""

import asyncio
import sys

from bumble import att, hci, keys
from bumble.core import AdvertisingData, UUID
from bumble.device import Device, Peer
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.hci_socket import open_hci_socket_transport

_, CONTROLLER, WHAT, WHOM = sys.argv
SERVICE = UUID("59d60001-c40b-4009-91d8-120050605d4c")
SESSION = UUID("59d60002-c40b-4009-91d8-120050605d4c")
STATUS = UUID("59d60003-c40b-4009-91d8-120050605d4c")
QUIET = bytes([0x0F])
# An emulated controller says an advertisement once.
ADVERTISED_EVERY = 2.0
# The socket takes no fragment longer than fits into this.
MTU = 247


def say(*words):
    print(*words, flush=True)


async def words():
    """Lines of standard input, as they come."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()


async def host(name, address):
    transport = await open_hci_socket_transport(CONTROLLER)
    device = Device.with_hci(name, hci.Address(address), transport.source, transport.sink)
    device.keystore = keys.MemoryKeyStore()
    # Its address stays: it has no identity beside it to be told of.
    only_keys = PairingDelegate.KeyDistribution.DISTRIBUTE_ENCRYPTION_KEY
    delegate = PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT, only_keys, only_keys)
    device.pairing_config_factory = lambda _: PairingConfig(sc=True, mitm=False, bonding=True, delegate=delegate)
    await device.power_on()
    return device


async def stranger(address):
    device = await host("stranger", "F0:F1:F2:F3:F4:F5")
    connection = await device.connect(hci.Address(address, hci.Address.PUBLIC_DEVICE_ADDRESS), timeout=30)
    peer = Peer(connection)
    await peer.discover_services()
    await peer.discover_characteristics()
    (session,) = peer.get_characteristics_by_uuid(SESSION)
    (status,) = peer.get_characteristics_by_uuid(STATUS)

    async def attempt(what, access):
        try:
            await access
            say(what, "done")
        except att.ATT_Error as error:
            say(what, "refused", error.error_name)

    await attempt("read-status", status.read_value())
    await attempt("write-session", session.write_value(b"\x00" * 20, with_response=True))
    (model,) = peer.get_characteristics_by_uuid(UUID.from_16_bits(0x2A24))
    await attempt("read-model", model.read_value())
    say("encrypted" if connection.is_encrypted else "unencrypted")
    async for word in words():
        if word == "quit":
            return


async def pump(path):
    device = await host("pump", "F0:F1:F2:F3:F4:F6")
    up = asyncio.Queue()

    def written(_, value):
        up.put_nowait(value)

    encrypted = Characteristic.Permissions.WRITEABLE | Characteristic.Permissions.WRITE_REQUIRES_ENCRYPTION
    session = Characteristic(
        SESSION,
        Characteristic.Properties.WRITE | Characteristic.Properties.INDICATE,
        encrypted,
        CharacteristicValue(write=written),
    )
    status = Characteristic(
        STATUS,
        Characteristic.Properties.READ | Characteristic.Properties.INDICATE,
        Characteristic.Permissions.READABLE | Characteristic.Permissions.READ_REQUIRES_ENCRYPTION,
        QUIET,
    )
    device.add_service(Service(SERVICE, [session, status]))
    device.gatt_server.max_mtu = MTU
    window = asyncio.Event()

    async def advertise():
        while True:
            if not device.connections:
                said = [(AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(SERVICE))]
                flags = [(AdvertisingData.FLAGS, bytes([0x06 if window.is_set() else 0x04]))]
                told = bytes(AdvertisingData(flags + (said if window.is_set() else [])))
                await device.start_advertising(advertising_data=told)
            await asyncio.sleep(ADVERTISED_EVERY)
            if not device.connections:
                await device.stop_advertising()

    async def carry():
        """One link after the other: the pump on the socket sees each as a connection of its own."""
        while True:
            first = await up.get()
            connection = next(iter(device.connections.values()), None)
            if connection is None:
                continue
            say("linked")
            reader, writer = await asyncio.open_unix_connection(path)
            gone = asyncio.Event()
            connection.on("disconnection", lambda _: gone.set())

            async def to_pump(value):
                while True:
                    writer.write(len(value).to_bytes(2, "little") + value)
                    await writer.drain()
                    value = await up.get()

            async def to_remote():
                while True:
                    length = int.from_bytes(await reader.readexactly(2), "little")
                    await device.indicate_subscriber(connection, session, await reader.readexactly(length))

            tasks = [asyncio.create_task(task) for task in (to_pump(first), to_remote(), gone.wait())]
            _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            writer.close()
            if not gone.is_set():
                await connection.disconnect()
            while not up.empty():
                up.get_nowait()
            say("link over")

    tasks = [asyncio.create_task(advertise()), asyncio.create_task(carry())]
    say("on the air")
    async for word in words():
        if word == "open":
            window.set()
        elif word == "shut":
            window.clear()
        elif word == "quit":
            break
    for task in tasks:
        task.cancel()


asyncio.run({"stranger": stranger, "pump": pump}[WHAT](WHOM))
