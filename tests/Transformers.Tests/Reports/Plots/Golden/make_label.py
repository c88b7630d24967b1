#!/usr/bin/env python3
"""A label as FreeType draws it through Pillow (apt-get install python3-pil): make_label.py Inter-SemiBold.ttf

The typeface is the one in the resources of the NuGet package Avalonia.Fonts.Inter. PlotTests compare a painted label.
"""
import os, sys
from PIL import Image, ImageDraw, ImageFont

font = ImageFont.truetype(sys.argv[1], 34, layout_engine=ImageFont.Layout.BASIC)
image = Image.new("RGB", (72, 56), "#ffffff")
draw = ImageDraw.Draw(image)
draw.text((8, 40), "H", fill="#222222", font=font, anchor="ls")
draw.text((8 + 34 * 2095 / 2816, 40), "g", fill="#222222", font=font, anchor="ls")
image.save(os.path.join(os.path.dirname(__file__), "label.png"))
