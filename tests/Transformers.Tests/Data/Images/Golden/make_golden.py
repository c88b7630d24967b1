#!/usr/bin/env python3
"""Golden files for decoding, resizing and pixel operations, made with Pillow (apt-get install python3-pil python3-numpy).

Run in this folder. For every case: an image file, what is done to it, and the pixels that Pillow gives, as raw RGB in
one gzip file. The C# tests read golden.json.
"""
import gzip, io, json, struct, zlib
import numpy
from PIL import Image, ImageEnhance, ImageOps

cases, expected = [], []
WHITE = (255, 255, 255)


def picture(width, height, seed):
    """Something like a photograph: smooth shades, edges, a little noise."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    layers = []
    for channel in range(3):
        shade = 120 + 70 * numpy.sin(x / (7 + 3 * channel) + channel) * numpy.cos(y / (9 + 2 * channel))
        shade += 60 * (((x - width * 0.6) ** 2 + (y - height * (0.3 + 0.15 * channel)) ** 2) < (min(width, height) / 4) ** 2)
        shade += random.normal(0, 6, (height, width))
        layers.append(shade)
    return Image.fromarray(numpy.clip(numpy.stack(layers, -1), 0, 255).astype("uint8"), "RGB")


def case(name, file, image, **do):
    image = image.convert("RGB")
    expected.append(image.tobytes())
    cases.append({"name": name, "file": file, "width": image.width, "height": image.height, **do})


def save(file, image, **options):
    image.save(file, **options)
    return file


def on_white(image):
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, WHITE + (255,)), image)


def png(width, height, depth, color, interlace, rows):
    """A PNG file by hand, for what Pillow does not write."""
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


base = picture(61, 47, 1)

# Decoding: JPEG.
for name, options in {
    "jpeg-444": dict(quality=92, subsampling=0), "jpeg-422": dict(quality=80, subsampling=1), "jpeg-420": dict(quality=75, subsampling=2),
    "jpeg-progressive": dict(quality=85, progressive=True), "jpeg-optimized": dict(quality=40, optimize=True),
}.items():
    file = save(name + ".jpg", base, **options)
    case(name, file, Image.open(file))
file = save("jpeg-grey.jpg", base.convert("L"), quality=90)
case("jpeg-grey", file, Image.open(file))
file = save("jpeg-cmyk.jpg", base.convert("CMYK"), quality=90)
case("jpeg-cmyk", file, Image.open(file))
small = base.crop((0, 0, 19, 13))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = save(f"jpeg-orientation-{orientation}.jpg", small, quality=90, exif=exif.tobytes())
    case(f"jpeg-orientation-{orientation}", file, ImageOps.exif_transpose(Image.open(file)))

# PNG.
alpha = Image.fromarray((numpy.mgrid[0:47, 0:61].sum(0) * 255 // 106).astype("uint8"), "L")
rgba = base.copy()
rgba.putalpha(alpha)
case("png-rgb", save("png-rgb.png", base), base)
case("png-grey", save("png-grey.png", base.convert("L")), base.convert("L"))
case("png-rgba", save("png-rgba.png", rgba), on_white(rgba))
grey_alpha = base.convert("L")
grey_alpha.putalpha(alpha)
case("png-grey-alpha", save("png-grey-alpha.png", grey_alpha), on_white(grey_alpha))
palette = base.quantize(23)
case("png-palette", save("png-palette.png", palette), palette)
file = save("png-palette-transparent.png", palette, transparency=5)
case("png-palette-transparent", file, on_white(Image.open(file)))
case("png-one-bit", save("png-one-bit.png", base.convert("1")), base.convert("1"))
exif = Image.Exif()
exif[0x0112] = 6
file = save("png-orientation-6.png", small, exif=exif)
case("png-orientation-6", file, ImageOps.exif_transpose(Image.open(file)))
wide = numpy.asarray(base).astype("uint32") * 257 - numpy.arange(3, dtype="uint32")[None, None] * 40
wide = numpy.clip(wide.astype("int64"), 0, 65535).astype("uint32")
rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in wide)
open("png-rgb-16.png", "wb").write(png(61, 47, 16, 2, 0, rows))
case("png-rgb-16", "png-rgb-16.png", Image.fromarray(((wide * 255 + 32767) // 65535).astype("uint8"), "RGB"))
rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in wide[:, :, 0])
open("png-grey-16.png", "wb").write(png(61, 47, 16, 0, 0, rows))
case("png-grey-16", "png-grey-16.png", Image.fromarray(((wide[:, :, 0] * 255 + 32767) // 65535).astype("uint8"), "L"))
pixels, rows = numpy.asarray(base), b""
for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
    rows += b"".join(b"\0" + row.tobytes() for row in pixels[y0::dy, x0::dx])
open("png-interlaced.png", "wb").write(png(61, 47, 8, 2, 1, rows))
case("png-interlaced", "png-interlaced.png", base)

# WebP.
file = save("webp-lossy.webp", base, quality=80)
case("webp-lossy", file, Image.open(file))
case("webp-lossless", save("webp-lossless.webp", base, lossless=True), base)
file = save("webp-alpha.webp", rgba, quality=80)
case("webp-alpha", file, on_white(Image.open(file)))
exif[0x0112] = 8
file = save("webp-orientation-8.webp", small, lossless=True, exif=exif.tobytes())
case("webp-orientation-8", file, ImageOps.exif_transpose(Image.open(file)))

# GIF.
case("gif-palette", save("gif-palette.gif", palette), palette)
case("gif-grey", save("gif-grey.gif", base.convert("L"), interlace=1), base.convert("L"))
case("gif-plain", save("gif-plain.gif", palette, interlace=0), palette)
file = save("gif-transparent.gif", palette, transparency=5)
case("gif-transparent", file, on_white(Image.open(file)))
frames = [base.rotate(90 * i).quantize(16) for i in range(3)]
case("gif-animation", save("gif-animation.gif", frames[0], save_all=True, append_images=frames[1:], duration=50), frames[0])
case("webp-animation", save("webp-animation.webp", base, save_all=True, append_images=[base.rotate(180)], lossless=True), base)


def bmp(width, height, bits, compression, colors, data, masks=b""):
    """A BMP file by hand, for what Pillow does not write."""
    header = 40 if not masks else 108
    start = 14 + header + len(colors)
    file = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    file += struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, len(colors) // 4, 0)
    return file + (masks + b"BGRs" + bytes(48) if masks else b"") + colors + data


# BMP.
case("bmp-rgb", save("bmp-rgb.bmp", base), base)
case("bmp-grey", save("bmp-grey.bmp", base.convert("L")), base.convert("L"))
case("bmp-palette", save("bmp-palette.bmp", palette), palette)
case("bmp-one-bit", save("bmp-one-bit.bmp", base.convert("1")), base.convert("1"))
rows = b"".join(row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in numpy.asarray(base)[:, :, ::-1])
open("bmp-top-down.bmp", "wb").write(bmp(61, -47, 24, 0, b"", rows))
case("bmp-top-down", "bmp-top-down.bmp", base)
colors = b"".join(bytes(palette.getpalette()[3 * i:3 * i + 3][::-1]) + b"\0" for i in range(23))
runs = b""
for row in numpy.asarray(palette)[::-1]:
    at = 0
    while at < len(row):
        length = next((n for n in range(1, len(row) - at) if row[at + n] != row[at]), len(row) - at)
        runs, at = runs + bytes([length, row[at]]), at + length
    runs += b"\0\0"
open("bmp-runs.bmp", "wb").write(bmp(61, 47, 8, 1, colors, runs + b"\0\1"))
case("bmp-runs", "bmp-runs.bmp", palette)
rows = numpy.asarray(rgba)[::-1, :, [2, 1, 0, 3]].tobytes()
open("bmp-alpha.bmp", "wb").write(bmp(61, 47, 32, 3, b"", rows, struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)))
case("bmp-alpha", "bmp-alpha.bmp", on_white(rgba))

# Resizing.
file = save("resize-source.jpg", picture(163, 122, 2), quality=90)
large = Image.open(file).convert("RGB")
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
for name, filter in FILTERS.items():
    for width, height in [(32, 32), (163, 40), (50, 122), (80, 61), (97, 200), (1, 1), (7, 150)]:
        case(f"resize-{name}-{width}x{height}", file, large.resize((width, height), filter),
             op="resize", filter=name)
    box = (31, 17, 31 + 93, 17 + 71)
    case(f"resize-{name}-crop", file, large.crop(box).resize((48, 48), filter), op="resize", filter=name,
         box=[box[0], box[1], box[2] - box[0], box[3] - box[1]])

# Operations, on one small file.
file = "png-rgb.png"
FILL = (124, 116, 104)
for name, filter in FILTERS.items():
    for args in [(1, 0.3, 0, 0, 1, 0), (1, 0, 0, -0.25, 1, 0), (1, 0, 8.55, 0, 1, 0), (1, 0, 0, 0, 1, -3.4), (0.8, 0.1, 3, -0.2, 1.3, 5)]:
        case(f"affine-{name}-{args}", file, base.transform(base.size, Image.AFFINE, args, filter, fillcolor=FILL),
             op="affine", filter=name, args=list(args))
    for degrees in (27.0, -13.5):
        case(f"rotate-{name}-{degrees}", file, base.rotate(degrees, filter, fillcolor=FILL), op="rotate", filter=name, args=[degrees])
case("autocontrast", file, ImageOps.autocontrast(base.point(lambda v: 40 + v // 2)), op="autocontrast")
case("equalize", file, ImageOps.equalize(base), op="equalize")
case("invert", file, ImageOps.invert(base), op="invert")
for bits in (1, 3, 4):
    case(f"posterize-{bits}", file, ImageOps.posterize(base, bits), op="posterize", args=[bits])
for threshold in (26, 128, 256):
    case(f"solarize-{threshold}", file, ImageOps.solarize(base, threshold), op="solarize", args=[threshold])
case("solarize-add", file, base.point([min(255, v + 99) if v < 128 else v for v in range(256)] * 3), op="solarize-add", args=[99])
for factor in (0.1, 0.64, 1.0, 1.72):
    for name, enhancer in (("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast),
                           ("color", ImageEnhance.Color), ("sharpness", ImageEnhance.Sharpness)):
        case(f"{name}-{factor}", file, enhancer(base).enhance(factor), op=name, args=[factor])

with open("golden.json", "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(entry) for entry in cases) + "\n]\n")
buffer = io.BytesIO()
with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as out:
    out.write(b"".join(expected))
open("golden.rgb.gz", "wb").write(buffer.getvalue())
