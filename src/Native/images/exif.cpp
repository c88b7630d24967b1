// The one thing wanted from EXIF: tag 0x0112 (orientation) of the first directory of its TIFF structure.
#include "codecs.h"

namespace ti {

namespace {

struct Tiff {
    Bytes bytes;
    bool little;

    // Both give 0 beyond the end: a cut directory tells nothing, and is not a reason to refuse the picture.
    unsigned word(size_t at) const {
        if (bytes.size < 2 || at > bytes.size - 2) return 0;
        const uint8_t* p = bytes.data + at;
        return little ? p[0] | p[1] << 8 : p[0] << 8 | p[1];
    }
    size_t offset(size_t at) const {
        size_t first = word(at), second = word(at + 2);
        return little ? first | second << 16 : first << 16 | second;
    }
};

} // namespace

int exif_orientation(Bytes exif) {
    // JPEG's and many WebP's blocks start with "Exif\0\0"; PNG's with the TIFF header itself.
    if (exif.size >= 6 && exif.data[0] == 'E' && exif.data[1] == 'x' && exif.data[2] == 'i' && exif.data[3] == 'f')
        exif = {exif.data + 6, exif.size - 6};
    if (exif.size < 14) return 1;
    bool little = exif.data[0] == 'I' && exif.data[1] == 'I';
    bool big = exif.data[0] == 'M' && exif.data[1] == 'M';
    if (!little && !big) return 1;
    Tiff tiff{exif, little};
    if (tiff.word(2) != 42) return 1;
    size_t directory = tiff.offset(4);
    if (directory >= exif.size) return 1;
    unsigned entries = tiff.word(directory);
    for (unsigned i = 0; i < entries; i++) {
        size_t entry = directory + 2 + 12 * size_t(i);
        if (entry + 12 > exif.size) return 1;
        if (tiff.word(entry) != 0x0112) continue;
        const unsigned type_short = 3;
        unsigned value = tiff.word(entry + 8);
        return tiff.word(entry + 2) == type_short && value >= 1 && value <= 8 ? int(value) : 1;
    }
    return 1;
}

} // namespace ti
