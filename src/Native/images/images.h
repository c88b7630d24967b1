// The C interface of libtransformer_images. Every entry returns a status and, where that is not TI_OK, leaves one
// sentence in `message` (always ended by a zero byte). Nothing throws or jumps across it, and no call keeps state.
#pragma once
#include <cstdint>

#define TI_API extern "C" __attribute__((visibility("default")))

enum ti_status : int32_t {
    TI_OK = 0,
    TI_UNKNOWN_FORMAT = 1, // not JPEG, PNG or WebP
    TI_TRUNCATED = 2,      // the file ends before the picture does
    TI_CORRUPT = 3,        // the file contradicts its format
    TI_UNSUPPORTED = 4,    // a valid file of a kind that is not read (12-bit JPEG, animated WebP, ...)
    TI_TOO_LARGE = 5,      // beyond the limits given; found before memory is taken
    TI_OUT_OF_MEMORY = 6,
    TI_BAD_ARGUMENT = 7,   // a fault of the caller's
};

enum ti_format : int32_t { TI_JPEG = 1, TI_PNG = 2, TI_WEBP = 3 };

// What the header tells. width and height are as displayed: after the EXIF orientation.
struct ti_info {
    int32_t format;
    int32_t width;
    int32_t height;
    int32_t channels;    // as stored: 1 grey or palette, 2 grey with alpha, 3 colour, 4 CMYK or colour with alpha
    int32_t bit_depth;   // bits a channel as stored
    int32_t alpha;       // 1 where pixels may be transparent
    int32_t orientation; // EXIF, 1 to 8; 1 where none is given
};

struct ti_limits {
    int64_t max_pixels; // width times height
    int64_t max_bytes;  // of the file
};

struct ti_message {
    char* text;
    int32_t size;
};

// Reads the header alone.
TI_API int32_t ti_probe(const uint8_t* data, int64_t size, const ti_limits* limits, ti_info* info, ti_message message);

// Decodes to 8-bit RGB, interleaved, rows from the top, oriented as displayed.
// scale 1, 2, 4 or 8 divides a JPEG's sides (rounded up) inside its inverse DCT; other formats take 1 only.
// background is 0xRRGGBB, laid under transparent pixels. capacity is the size of `rgb` in bytes.
TI_API int32_t ti_decode(const uint8_t* data, int64_t size, const ti_limits* limits, int32_t scale, int32_t background,
    uint8_t* rgb, int64_t capacity, ti_message message);

// Encode 8-bit pixels with 1 (grey) or 3 (RGB) channels, PNG also 4 (RGBA). *result is freed with ti_free.
TI_API int32_t ti_encode_png(const uint8_t* pixels, int32_t width, int32_t height, int32_t channels, int32_t level,
    uint8_t** result, int64_t* result_size, ti_message message);
TI_API int32_t ti_encode_jpeg(const uint8_t* pixels, int32_t width, int32_t height, int32_t channels, int32_t quality,
    uint8_t** result, int64_t* result_size, ti_message message);

TI_API void ti_free(void* memory);

// The codecs' versions as one line of text, for `doctor`.
TI_API int32_t ti_versions(ti_message message);
