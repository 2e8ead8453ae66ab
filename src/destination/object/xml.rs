//! Single elements out of an answer in XML, which may be part of a sentence or cut off.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;

/// The text of the first element of each name, at whatever depth. What is before the first tag may be anything; where
/// the XML ends or is none, the search does too.
pub(super) fn texts<const N: usize>(body: &str, names: [&str; N]) -> [Option<String>; N] {
    let mut found = [const { None }; N];
    let mut reader = Reader::from_str(body.find('<').map_or("", |at| &body[at..]));
    reader.config_mut().allow_dangling_amp = true;
    while found.iter().any(Option::is_none) {
        let start = match reader.read_event() {
            Ok(Event::Start(start)) => start,
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => continue,
        };
        let named = names.iter().position(|name| start.name().as_ref() == name.as_bytes());
        let Some(at) = named.filter(|at| found[*at].is_none()) else { continue };
        let Ok(raw) = reader.read_text(start.name()) else { break };
        found[at] = Some(unescape(&raw).map_or_else(|_| raw.to_string(), |text| text.into_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::texts;

    #[test]
    fn elements_are_found_wherever_they_are() {
        let sentence = "Error performing PUT http://h/b?a=1&b=2: <?xml version=\"1.0\"?><ErrorResponse xmlns=\"urn:x\"><Error>\
            <Code>AccessDenied</Code><Message>a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; & e</Message><Region/>\
            <Code>second</Code></Error></ErrorResponse>";
        let [code, message, region, host] = texts(sentence, ["Code", "Message", "Region", "Host"]);
        assert_eq!((code.as_deref(), host), (Some("AccessDenied"), None));
        // A text with an invalid reference stays as it is.
        assert_eq!(message.as_deref(), Some("a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; & e"));
        assert_eq!(region, None);
        let [message] = texts("<Message>a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;</Message>", ["Message"]);
        assert_eq!(message.as_deref(), Some("a <b> & \"c\" 'd'"));
    }

    #[test]
    fn what_is_cut_off_or_no_xml_gives_what_there_is() {
        let cut = "<Error><Code>SlowDown</Code><Message>please re";
        assert_eq!(texts(cut, ["Code", "Message"]), [Some("SlowDown".to_owned()), None]);
        for none in ["", "no tag", "a < b", "<", "<!DOCTYPE html><html><br></p>", "{\"error\": \"<Code>\"}"] {
            assert_eq!(texts(none, ["Code"]), [None], "{none}");
        }
    }
}
