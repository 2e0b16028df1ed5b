//! The vetting of URLs: no spelling of an address that must not be reached is let through.
//!
//! Judged by rules that are written here once more, with the standard library, and not by the tables of the policy.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use events_webhooks::address::{AddressPolicy, MAX_URL_BYTES, check_url};
use libfuzzer_sys::fuzz_target;
use url::Host;

fuzz_target!(|text: &str| {
    let policy = AddressPolicy::default();
    let lax = check_url(text, &policy, true);
    let Ok(url) = check_url(text, &policy, false) else {
        if let Ok(url) = lax {
            assert_eq!(url.scheme(), "http", "what is refused without http is called with http");
            judge(&url);
        }
        return;
    };
    assert_eq!(lax.as_ref(), Ok(&url), "allowing http changes nothing else");
    assert_eq!(url.scheme(), "https");
    judge(&url);
    // What is stored and sent is the URL as it was understood; it has to be understood in the same way again.
    if url.as_str().len() <= MAX_URL_BYTES {
        assert_eq!(check_url(url.as_str(), &policy, false).as_ref(), Ok(&url));
    }
});

fn judge(url: &url::Url) {
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    assert!(url.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "nothing that ends a line of a request");
    match url.host().expect("a URL that is called has a host") {
        Host::Domain(name) => {
            assert!(name.parse::<IpAddr>().is_err(), "an address is no name");
            let last = name.strip_suffix('.').unwrap_or(name).rsplit('.').next().unwrap_or_default();
            assert!(!last.is_empty(), "{name} has no last part");
            let is_number = match last.strip_prefix("0x") {
                Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
                None => last.bytes().all(|byte| byte.is_ascii_digit()),
            };
            assert!(!is_number, "the system would take {name} for an address");
        }
        Host::Ipv4(address) => assert!(is_public_v4(address), "{address}"),
        Host::Ipv6(address) => assert!(is_public_v6(address), "{address}"),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 198 && b & 0xfe == 18)
        || (a == 192 && b == 0 && c == 0))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inside) = address.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    let [first, second, .., high, low] = address.segments();
    let tail = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    if (first, second) == (0x64, 0xff9b) && address.segments()[2..6] == [0; 4] {
        return is_public_v4(tail);
    }
    first & 0xe000 == 0x2000 && first != 0x2002 && !(first == 0x2001 && matches!(second, 0 | 0xdb8))
}
