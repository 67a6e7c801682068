// The virtual handheld's light: an LCD with a backlight behind its graphics card, as laptops have one, so that the kernel's class has one.
DefinitionBlock ("", "SSDT", 2, "BENCH", "LIGHT", 1)
{
    External (\_SB.PCI0, DeviceObj)
    Scope (\_SB.PCI0)
    {
        Device (CARD)
        {
            // Where machine.rs puts the card: slot 2, function 0.
            Name (_ADR, 0x00020000)
            Name (LVL, 100)
            Method (_DOS, 1) { }
            Method (_DOD, 0) { Return (Package () { 0x80000400 }) }
            Device (LCD)
            {
                Name (_ADR, 0x0400)
                // On mains, on battery, and then each level there is.
                Method (_BCL, 0) { Return (Package () { 100, 50, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100 }) }
                Method (_BCM, 1) { LVL = Arg0 }
                Method (_BQC, 0) { Return (LVL) }
            }
        }
    }
}
