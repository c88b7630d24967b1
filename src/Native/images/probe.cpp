// Headers, read by hand: no library state, no memory, and a bound on what is looked at.
#include <cstring>

#include "codecs.h"

namespace ti {

namespace {

unsigned big16(const uint8_t* p) { return unsigned(p[0]) << 8 | p[1]; }
uint32_t big32(const uint8_t* p) { return uint32_t(big16(p)) << 16 | big16(p + 2); }

[[noreturn]] void truncated(const char* format) {
    throw Failure{TI_TRUNCATED, std::string("the ") + format + " file ends inside its header"};
}

ti_info probe_jpeg(Bytes file) {
    ti_info info{TI_JPEG, 0, 0, 0, 0, 0, 1};
    bool exif_seen = false;
    size_t at = 2;
    for (;;) {
        // A marker is any number of FF bytes and one that is neither FF nor 00.
        if (at >= file.size) truncated("JPEG");
        if (file.data[at] != 0xFF) throw Failure{TI_CORRUPT, "the JPEG file has no marker where its header needs one"};
        while (at < file.size && file.data[at] == 0xFF) at++;
        if (at >= file.size) truncated("JPEG");
        unsigned marker = file.data[at++];
        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) continue;
        if (marker == 0xD9 || marker == 0xDA || marker == 0x00)
            throw Failure{TI_CORRUPT, "the JPEG file has no frame header before its picture data"};
        if (file.size - at < 2) truncated("JPEG");
        size_t length = big16(file.data + at);
        if (length < 2) throw Failure{TI_CORRUPT, "a JPEG segment claims a length below 2 bytes"};
        if (file.size - at < length) truncated("JPEG");
        const uint8_t* body = file.data + at + 2;
        size_t body_size = length - 2;
        if (marker == 0xE1 && !exif_seen && body_size >= 6 && std::memcmp(body, "Exif\0\0", 6) == 0) {
            exif_seen = true;
            info.orientation = exif_orientation({body, body_size});
        }
        bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (frame) {
            if (body_size < 6) throw Failure{TI_CORRUPT, "the JPEG frame header is too short"};
            info.bit_depth = body[0];
            info.height = int(big16(body + 1));
            info.width = int(big16(body + 3));
            info.channels = body[5];
            return info;
        }
        at += length;
    }
}

ti_info probe_png(Bytes file) {
    if (file.size < 33) truncated("PNG");
    const uint8_t* header = file.data + 8;
    if (big32(header) != 13 || std::memcmp(header + 4, "IHDR", 4) != 0)
        throw Failure{TI_CORRUPT, "the PNG file does not start with an IHDR chunk"};
    uint32_t width = big32(header + 8), height = big32(header + 12);
    if (width > INT32_MAX || height > INT32_MAX) throw Failure{TI_CORRUPT, "the PNG header's size is out of range"};
    static const int channels_of_type[] = {1, 0, 3, 1, 2, 0, 4};
    unsigned type = header[17];
    if (type > 6 || channels_of_type[type] == 0) throw Failure{TI_CORRUPT, "the PNG header's colour type is not one of PNG's"};
    ti_info info{TI_PNG, int(width), int(height), channels_of_type[type], header[16], type >= 4, 1};
    // What else matters may stand anywhere between the chunks; broken chunks are the decoder's to report.
    size_t at = 33;
    while (file.size - at >= 12) {
        size_t length = big32(file.data + at);
        const uint8_t* name = file.data + at + 4;
        if (length > file.size - at - 12) break;
        if (std::memcmp(name, "tRNS", 4) == 0) info.alpha = 1;
        if (std::memcmp(name, "eXIf", 4) == 0) info.orientation = exif_orientation({name + 4, length});
        at += 12 + length;
    }
    return info;
}

} // namespace

ti_info probe(Bytes file) {
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    ti_info info;
    if (file.size == 0) throw Failure{TI_TRUNCATED, "the file is empty"};
    if (file.size >= 3 && file.data[0] == 0xFF && file.data[1] == 0xD8 && file.data[2] == 0xFF) info = probe_jpeg(file);
    else if (file.size >= 8 && std::memcmp(file.data, png, 8) == 0) info = probe_png(file);
    else if (file.size >= 12 && std::memcmp(file.data, "RIFF", 4) == 0 && std::memcmp(file.data + 8, "WEBP", 4) == 0)
        info = probe_webp(file);
    else throw Failure{TI_UNKNOWN_FORMAT, "the file is neither JPEG nor PNG nor WebP"};
    if (info.width <= 0 || info.height <= 0) throw Failure{TI_CORRUPT, "the header gives a size of zero"};
    if (info.orientation >= 5) {
        int width = info.width;
        info.width = info.height;
        info.height = width;
    }
    return info;
}

void check_limits(const ti_info& info, Bytes file, const ti_limits& limits) {
    if (int64_t(file.size) > limits.max_bytes)
        throw Failure{TI_TOO_LARGE, "the file has " + std::to_string(file.size) + " bytes, the limit is " + std::to_string(limits.max_bytes)};
    if (int64_t(info.width) * info.height > limits.max_pixels)
        throw Failure{TI_TOO_LARGE, "the header gives " + std::to_string(info.width) + " x " + std::to_string(info.height)
            + " pixels, the limit is " + std::to_string(limits.max_pixels) + " in all"};
}

} // namespace ti
