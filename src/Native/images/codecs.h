// What the codecs share: the failure they report, the picture they fill.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "images.h"

namespace ti {

// Thrown by C++ code only, never through the frames of a C library; api.cpp turns it into a status.
struct Failure {
    ti_status status;
    std::string text;
};

struct Bytes {
    const uint8_t* data;
    size_t size;
};

// Where decoded rows go: RGB as stored in the file, before orientation.
struct Target {
    uint8_t* rgb;
    int width;
    int height;
    int background;
};

ti_info probe(Bytes file);                           // probe.cpp
void check_limits(const ti_info& info, Bytes file, const ti_limits& limits);
int exif_orientation(Bytes exif);                    // exif.cpp: 1 where it tells nothing

void decode_jpeg(Bytes file, int scale, size_t memory, const Target& target);
void decode_png(Bytes file, const Target& target);
void decode_webp(Bytes file, const ti_info& info, const Target& target);

ti_info probe_webp(Bytes file);

// pixels.cpp
void composite(const uint8_t* rgba, size_t count, int background, uint8_t* rgb);
void inverted_cmyk_to_rgb(const uint8_t* cmyk, size_t count, uint8_t* rgb);
// width and height are of the picture as stored; orientations 5 to 8 swap them in `to`.
void orient(const uint8_t* from, int width, int height, int orientation, uint8_t* to);

// Encoders give memory of malloc.
void encode_png(const uint8_t* pixels, int width, int height, int channels, int level, uint8_t** result, size_t* size);
void encode_jpeg(const uint8_t* pixels, int width, int height, int channels, int quality, uint8_t** result, size_t* size);

std::string jpeg_version();
std::string png_version();
std::string webp_version();

} // namespace ti
