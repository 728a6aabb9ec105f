//! User agents as browsers send them, and what a device list says of them.

use passbook_axum::DeviceType;

/// A user agent, the label that it gets, and the kind of device.
pub(super) const AGENTS: &[(&str, &str, DeviceType)] = &[
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36",
        "Chrome on Windows",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like \
         Gecko) Chrome/142.0.0.0 Safari/537.36",
        "Chrome on macOS",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36",
        "Chrome on Linux",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36",
        "Chrome on ChromeOS",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36 Edg/142.0.3595.53",
        "Edge on Windows",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Mobile Safari/537.36 EdgA/142.0.3595.66",
        "Edge on Android",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) Version/26.0 EdgiOS/142.0.3595.66 Mobile/15E148 Safari/604.1",
        "Edge on iOS",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Mobile Safari/537.36",
        "Chrome on Android",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/142.0.0.0 Safari/537.36",
        "Chrome on Android",
        DeviceType::Tablet,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
        "Safari on iOS",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
         Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
        "Safari on iOS",
        DeviceType::Tablet,
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, \
         like Gecko) Version/26.1 Safari/605.1.15",
        "Safari on macOS",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1",
        "Chrome on iOS",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
         Gecko) CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1",
        "Chrome on iOS",
        DeviceType::Tablet,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) FxiOS/144.1 Mobile/15E148 Safari/604.1",
        "Firefox on iOS",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Firefox on Windows",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 \
         Firefox/145.0",
        "Firefox on macOS",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Firefox on Linux",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Firefox on Ubuntu",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
        "Firefox on Android",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (Android 15; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0",
        "Firefox on Android",
        DeviceType::Tablet,
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, \
         like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        "Samsung Internet on Android",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) \
         SamsungBrowser/28.0 Chrome/130.0.0.0 Safari/537.36",
        "Samsung Internet on Android",
        DeviceType::Tablet,
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/120.0.0.0 Safari/537.36",
        "Chrome on Android",
        DeviceType::Tablet,
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8 Pro) AppleWebKit/537.36 (KHTML, like \
         Gecko) Chrome/124.0.6367.82 Mobile Safari/537.36",
        "Chrome on Android",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0",
        "Opera on Windows",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/140.0.0.0 Mobile Safari/537.36 OPR/92.0.0.0",
        "Opera on Android",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/141.0.0.0 Safari/537.36 Vivaldi/7.6.3797.63",
        "Vivaldi on Linux",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
        "Internet Explorer on Windows",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Linux; Android 9; KFTRWI) AppleWebKit/537.36 (KHTML, like Gecko) \
         Silk/128.4.1 like Chrome/128.0.6613.187 Safari/537.36",
        "Amazon Silk on Android",
        DeviceType::Tablet,
    ),
    (
        "Mozilla/5.0 (Linux; Android 16; Pixel 9 Build/BP2A.250805.005; wv) \
         AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.7444.102 Mobile \
         Safari/537.36",
        "Android WebView on Android",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/530.0.0.45.73]",
        "Facebook on iOS",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) GSA/391.0.825130990 Mobile/15E148 Safari/604.1",
        "Google on iOS",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Googlebot on Unknown",
        DeviceType::Desktop,
    ),
    ("curl/8.16.0", "curl on Unknown", DeviceType::Desktop),
    ("okhttp/5.1.0", "okhttp on Unknown", DeviceType::Desktop),
    ("python-requests/2.32.5", "Python Requests on Unknown", DeviceType::Desktop),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) \
         Version/26.0 Safari/605.1.15 Epiphany/605.1.15",
        "Epiphany on Linux",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (X11; FreeBSD amd64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Firefox on FreeBSD",
        DeviceType::Desktop,
    ),
    (
        "Mozilla/5.0 (Linux; Android 12; HarmonyOS; ALN-AL00) AppleWebKit/537.36 (KHTML, \
         like Gecko) Chrome/114.0.5735.196 HuaweiBrowser/16.0.7.300 Mobile Safari/537.36",
        "Huawei Browser on Android",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (Mobile; rv:115.0) Gecko/115.0 Firefox/115.0 KAIOS/4.0",
        "Firefox on KaiOS",
        DeviceType::Mobile,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) Version/26.0 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15",
        "DuckDuckGo on iOS",
        DeviceType::Mobile,
    ),
    (
        "Dalvik/2.1.0 (Linux; U; Android 16; Pixel 9 Build/BP2A.250805.005)",
        "Android on Android",
        DeviceType::Mobile,
    ),
    ("", "Unknown on Unknown", DeviceType::Desktop),
    ("me", "Unknown on Unknown", DeviceType::Desktop),
];
