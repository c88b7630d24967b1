// WebP through libwebp's simple interface, lossy and lossless.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <webp/decode.h>

#include "codecs.h"

namespace ti {

namespace {

[[noreturn]] void fail(VP8StatusCode code) {
    switch (code) {
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: throw Failure{TI_TRUNCATED, "the WebP file ends before its picture does"};
    case VP8_STATUS_OUT_OF_MEMORY: throw Failure{TI_OUT_OF_MEMORY, "out of memory while decoding a WebP file"};
    case VP8_STATUS_UNSUPPORTED_FEATURE: throw Failure{TI_UNSUPPORTED, "the WebP file uses a feature that libwebp does not decode"};
    default: throw Failure{TI_CORRUPT, "the WebP file's bit stream is broken"};
    }
}

uint32_t little32(const uint8_t* p) { return uint32_t(p[0]) | uint32_t(p[1]) << 8 | uint32_t(p[2]) << 16 | uint32_t(p[3]) << 24; }

int orientation_of(Bytes file) {
    size_t at = 12;
    while (at <= file.size && file.size - at >= 8) {
        size_t length = little32(file.data + at + 4);
        if (length > file.size - at - 8) break;
        if (std::memcmp(file.data + at, "EXIF", 4) == 0) return exif_orientation({file.data + at + 8, length});
        at += 8 + length + (length & 1);
    }
    return 1;
}

} // namespace

ti_info probe_webp(Bytes file) {
    WebPBitstreamFeatures features;
    VP8StatusCode code = WebPGetFeatures(file.data, file.size, &features);
    if (code != VP8_STATUS_OK) fail(code);
    if (features.has_animation) throw Failure{TI_UNSUPPORTED, "the WebP file is an animation"};
    int alpha = features.has_alpha != 0;
    return {TI_WEBP, features.width, features.height, alpha ? 4 : 3, 8, alpha, orientation_of(file)};
}

void decode_webp(Bytes file, const ti_info& info, const Target& target) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) throw Failure{TI_UNSUPPORTED, "the libwebp found is of another version than the one built for"};
    size_t pixels = size_t(target.width) * size_t(target.height);
    std::unique_ptr<uint8_t, decltype(&std::free)> rgba(nullptr, std::free);
    if (info.alpha) {
        rgba.reset(static_cast<uint8_t*>(std::malloc(pixels * 4)));
        if (!rgba) throw Failure{TI_OUT_OF_MEMORY, "out of memory while decoding a WebP file"};
    }
    int channels = info.alpha ? 4 : 3;
    config.output.colorspace = info.alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = info.alpha ? rgba.get() : target.rgb;
    config.output.u.RGBA.stride = target.width * channels;
    config.output.u.RGBA.size = pixels * size_t(channels);
    VP8StatusCode code = WebPDecode(file.data, file.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code != VP8_STATUS_OK) fail(code);
    if (info.alpha) composite(rgba.get(), pixels, target.background, target.rgb);
}

std::string webp_version() {
    int version = WebPGetDecoderVersion();
    return "libwebp " + std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 255) + "." + std::to_string(version & 255);
}

} // namespace ti
