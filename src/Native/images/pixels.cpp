// Arithmetic on decoded pixels.
#include <cstring>

#include "codecs.h"

namespace ti {

namespace {

// a * b / 255, rounded to nearest: exact for bytes.
inline unsigned scale255(unsigned a, unsigned b) {
    unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

} // namespace

void composite(const uint8_t* rgba, size_t count, int background, uint8_t* rgb) {
    const unsigned ground[] = {unsigned(background) >> 16 & 255, unsigned(background) >> 8 & 255, unsigned(background) & 255};
    for (size_t i = 0; i < count; i++, rgba += 4, rgb += 3) {
        unsigned alpha = rgba[3];
        for (int c = 0; c < 3; c++) {
            unsigned sum = rgba[c] * alpha + ground[c] * (255 - alpha) + 128;
            rgb[c] = uint8_t(((sum >> 8) + sum) >> 8);
        }
    }
}

// Adobe's convention, which in practice every CMYK JPEG follows: 255 is no ink.
void inverted_cmyk_to_rgb(const uint8_t* cmyk, size_t count, uint8_t* rgb) {
    for (size_t i = 0; i < count; i++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            // white minus ink, where the ink is (255 - c) under a black of (255 - k)
            rgb[c] = uint8_t(cmyk[3] - scale255(255u - cmyk[c], cmyk[3]));
}

void orient(const uint8_t* from, int width, int height, int orientation, uint8_t* to) {
    const ptrdiff_t row = ptrdiff_t(width) * 3;
    const ptrdiff_t last_x = ptrdiff_t(width - 1) * 3, last_y = ptrdiff_t(height - 1) * row;
    // For each orientation: where the displayed picture's first pixel is stored, and the way right and down.
    ptrdiff_t start = 0, right = 3, down = row;
    switch (orientation) {
    case 2: start = last_x; right = -3; break;
    case 3: start = last_x + last_y; right = -3; down = -row; break;
    case 4: start = last_y; down = -row; break;
    case 5: right = row; down = 3; break;
    case 6: start = last_y; right = -row; down = 3; break;
    case 7: start = last_x + last_y; right = -row; down = -3; break;
    case 8: start = last_x; right = row; down = -3; break;
    default: break;
    }
    const int columns = orientation >= 5 ? height : width, rows = orientation >= 5 ? width : height;
    for (int y = 0; y < rows; y++) {
        const uint8_t* pixel = from + start + y * down;
        for (int x = 0; x < columns; x++, pixel += right, to += 3) {
            to[0] = pixel[0];
            to[1] = pixel[1];
            to[2] = pixel[2];
        }
    }
}

} // namespace ti
