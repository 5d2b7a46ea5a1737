"""A captured machine made anew from its image, under its name (docs/design/virtual-machines.md, "Steps")."""
