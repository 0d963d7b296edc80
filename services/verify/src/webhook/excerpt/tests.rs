use reqwest::header::HeaderMap;

use super::*;

const SECRET: &str = "https://hooks.example/services/T0/B0/s3cr3tS3cr3t";

fn kept(body: impl AsRef<[u8]>, asked: &[&str]) -> Option<String> {
    let body = body.as_ref().to_vec();
    let answer = Answer { status: 404, headers: HeaderMap::new(), body, cut: false, public: true };
    let asked: Vec<_> = asked.iter().map(|url| Url::parse(url).unwrap()).collect();
    excerpt(&answer, &asked)
}

#[test]
fn what_says_nothing_of_the_url_is_kept_and_no_more_than_a_kilobyte() {
    for body in ["no_service", "Cannot POST /", r#"{"error":"T0"}"#, "hooks.example is away", "s3cr3t"] {
        assert_eq!(kept(body, &[SECRET]).as_deref(), Some(body));
        assert_eq!(kept(body, &["https://hooks.example/", "https://hooks.example"]).as_deref(), Some(body));
    }
    assert_eq!(kept("", &[SECRET]), None);
    assert_eq!(kept("é".repeat(1_000), &[SECRET]), Some("é".repeat(512)));
    // Bytes that are no text become longer ones.
    assert_eq!(kept([0xff; 1_000], &[SECRET]).map(|text| text.len()), Some(1_023));
}

#[test]
fn an_error_page_that_names_the_path_is_dropped() {
    for body in [
        "Cannot POST /services/T0/B0/s3cr3tS3cr3t",
        "<pre>Cannot POST /services/T0/B0/s3cr3tS3cr3t</pre>",
        "<pre>&#x2F;services&#x2F;T0&#x2F;B0&#x2F;s3cr3tS3cr3t</pre>",
        r#"{"path":"\/services\/T0\/B0\/s3cr3tS3cr3t","status":404}"#,
        "%2Fservices%2FT0%2FB0%2Fs3cr3tS3cr3t",
        "no webhook S3CR3TS3CR3T",
    ] {
        assert_eq!(kept(body, &[SECRET]), None, "{body}");
        assert_eq!(kept(body, &["https://front.example/x", SECRET]), None, "redirected: {body}");
    }
}

#[test]
fn a_short_path_is_found_only_as_a_whole() {
    let short = "https://a.example/k?p=9<7&q='";
    for body in ["/k?p=9%3C7&q=%27", "/k?p=9&lt;7&amp;q=&#39;", r"/k?p=9\u003c7\u0026q='", "/k?p=9<7&q='"] {
        assert_eq!(kept(format!("[{body}]"), &[short]), None, "{body}");
    }
    assert!(kept("/k?p=8", &[short]).is_some());
}

#[test]
fn a_secret_without_a_long_plain_run_is_found_however_it_is_escaped() {
    let mixed = "https://a.example/in?key=ab%2Bcd%26ef%22gh+ij";
    for body in [
        "ab+cd&ef\"gh+ij",
        "ab+cd&ef\"gh ij",
        "ab%2Bcd%26ef%22gh+ij",
        "ab+cd&amp;ef&quot;gh+ij",
        "ab&#43;cd&#38;ef&#x22;gh&plus;ij",
        r#"{"key":"ab+cd&ef\"gh+ij"}"#,
        r#"{"key":"ab\u002Bcd\u0026ef\u0022gh\u002bij"}"#,
    ] {
        assert_eq!(kept(body, &[mixed]), None, "{body}");
    }
}

#[test]
fn a_path_that_the_end_of_the_excerpt_would_cut_is_known() {
    let body = format!("{}/services/T0/B0/s3cr3tS3cr3t", " ".repeat(LONGEST - 24));
    assert_eq!(kept(body, &[SECRET]), None);
}

#[test]
fn of_a_url_with_too_many_parts_to_look_for_nothing_is_kept() {
    let segments: Vec<_> = (0..100).map(|n| format!("segment-{n}")).collect();
    assert_eq!(kept("fine", &[&format!("https://a.example/{}", segments.join("/"))]), None);
}

#[test]
fn escapes_that_are_none_stay() {
    for (text, plain) in [
        (r"a\u00e9b", "aéb"),
        (r"\/\n\u12", "/nu12"),
        (r"\ud83d\ude00", "ud83dude00"),
        ("\\", ""),
        ("\\ué", "ué"),
    ] {
        assert_eq!(json_unescaped(text), plain, "{text}");
    }
}
