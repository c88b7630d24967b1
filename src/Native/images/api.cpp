// The C interface: arguments checked, failures turned into statuses, everything caught.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "codecs.h"

namespace {

int32_t report(ti_message message, int32_t status, const char* text) {
    if (message.text != nullptr && message.size > 0) {
        size_t length = std::strlen(text), room = size_t(message.size) - 1;
        if (length > room) length = room;
        std::memcpy(message.text, text, length);
        message.text[length] = 0;
    }
    return status;
}

template <typename Action> int32_t guard(ti_message message, Action action) noexcept {
    try {
        action();
        return report(message, TI_OK, "");
    } catch (const ti::Failure& failure) {
        return report(message, failure.status, failure.text.c_str());
    } catch (const std::bad_alloc&) {
        return report(message, TI_OUT_OF_MEMORY, "out of memory");
    } catch (...) {
        return report(message, TI_CORRUPT, "an unexpected failure inside the image codecs");
    }
}

void require(bool holds, const char* text) {
    if (!holds) throw ti::Failure{TI_BAD_ARGUMENT, text};
}

// Reads the header and holds it to the limits; what follows may take memory in proportion to its size.
ti_info checked_probe(ti::Bytes file, const ti_limits& limits) {
    ti_info info = ti::probe(file);
    ti::check_limits(info, file, limits);
    return info;
}

} // namespace

int32_t ti_probe(const uint8_t* data, int64_t size, const ti_limits* limits, ti_info* info, ti_message message) {
    return guard(message, [&] {
        require((data != nullptr || size == 0) && size >= 0 && limits != nullptr && info != nullptr, "ti_probe: a null argument");
        *info = checked_probe({data, size_t(size)}, *limits);
    });
}

int32_t ti_decode(const uint8_t* data, int64_t size, const ti_limits* limits, int32_t scale, int32_t background,
    uint8_t* rgb, int64_t capacity, ti_message message) {
    return guard(message, [&] {
        require((data != nullptr || size == 0) && size >= 0 && limits != nullptr && rgb != nullptr, "ti_decode: a null argument");
        require(scale == 1 || scale == 2 || scale == 4 || scale == 8, "ti_decode: scale must be 1, 2, 4 or 8");
        ti::Bytes file{data, size_t(size)};
        ti_info info = checked_probe(file, *limits);
        require(scale == 1 || info.format == TI_JPEG, "ti_decode: only JPEG files are scaled while decoding");
        bool turned = info.orientation >= 5;
        int width = ((turned ? info.height : info.width) + scale - 1) / scale;
        int height = ((turned ? info.width : info.height) + scale - 1) / scale;
        size_t bytes = size_t(width) * size_t(height) * 3;
        require(capacity >= 0 && size_t(capacity) >= bytes, "ti_decode: the buffer is smaller than the picture");
        std::unique_ptr<uint8_t, decltype(&std::free)> stored(nullptr, std::free);
        if (info.orientation != 1) {
            stored.reset(static_cast<uint8_t*>(std::malloc(bytes)));
            if (!stored) throw std::bad_alloc();
        }
        ti::Target target{stored ? stored.get() : rgb, width, height, background};
        // A progressive JPEG keeps all coefficients: two bytes each, up to four channels, sides rounded up to blocks.
        size_t memory = (size_t(info.width) + 64) * (size_t(info.height) + 64) * 12 + (size_t(16) << 20);
        if (info.format == TI_JPEG) ti::decode_jpeg(file, scale, memory, target);
        else if (info.format == TI_PNG) ti::decode_png(file, target);
        else ti::decode_webp(file, info, target);
        if (stored) ti::orient(stored.get(), width, height, info.orientation, rgb);
    });
}

int32_t ti_encode_png(const uint8_t* pixels, int32_t width, int32_t height, int32_t channels, int32_t level,
    uint8_t** result, int64_t* result_size, ti_message message) {
    return guard(message, [&] {
        require(pixels != nullptr && result != nullptr && result_size != nullptr, "ti_encode_png: a null argument");
        require(width > 0 && height > 0 && width <= 1000000 && height <= 1000000, "ti_encode_png: sides must be from 1 to 1,000,000");
        require(channels == 1 || channels == 3 || channels == 4, "ti_encode_png: channels must be 1, 3 or 4");
        require(level >= 0 && level <= 9, "ti_encode_png: the level must be from 0 to 9");
        size_t size = 0;
        ti::encode_png(pixels, width, height, channels, level, result, &size);
        *result_size = int64_t(size);
    });
}

int32_t ti_encode_jpeg(const uint8_t* pixels, int32_t width, int32_t height, int32_t channels, int32_t quality,
    uint8_t** result, int64_t* result_size, ti_message message) {
    return guard(message, [&] {
        require(pixels != nullptr && result != nullptr && result_size != nullptr, "ti_encode_jpeg: a null argument");
        require(width > 0 && height > 0 && width <= 65500 && height <= 65500, "ti_encode_jpeg: sides must be from 1 to 65,500");
        require(channels == 1 || channels == 3, "ti_encode_jpeg: channels must be 1 or 3");
        require(quality >= 1 && quality <= 100, "ti_encode_jpeg: the quality must be from 1 to 100");
        size_t size = 0;
        ti::encode_jpeg(pixels, width, height, channels, quality, result, &size);
        *result_size = int64_t(size);
    });
}

void ti_free(void* memory) { std::free(memory); }

int32_t ti_versions(ti_message message) {
    std::string text = ti::jpeg_version() + ", " + ti::png_version() + ", " + ti::webp_version();
    return report(message, TI_OK, text.c_str());
}
