//! From an [`Email`] to the bytes that are sent: one place for all transports.

use lettre::{
    Address, Message,
    address::{AddressError, Envelope},
    message::{
        Body, Mailbox, Mailboxes, MessageBuilder, MultiPart, SinglePart,
        header::{Bcc, Cc, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, To},
    },
};
use uuid::Uuid;

use crate::{Email, MailerError, header};

/// Builds the message, checking every header again because the fields of [`Email`] are public.
pub(crate) fn build(email: &Email) -> Result<Message, MailerError> {
    header::check(email)?;

    let from = mailbox(&email.from)?;
    let [to, cc, bcc] = [&email.to, &email.cc, &email.bcc].map(|list| mailboxes(list));
    let (to, cc, bcc) = (to?, cc?, bcc?);

    let recipients = to.iter().chain(cc.iter()).chain(bcc.iter());
    let recipients = recipients.map(|mailbox| mailbox.email.clone()).collect();
    // Named here, because lettre would read them back from the headers and skip a header it cannot read.
    let envelope = Envelope::new(Some(from.email.clone()), recipients)?;

    let mut builder = Message::builder()
        .envelope(envelope)
        .message_id(Some(message_id(&from.email)))
        .from(from)
        .subject(email.subject.as_str());
    if let Some(address) = &email.reply_to {
        builder = builder.reply_to(mailbox(address)?);
    }
    builder = with_list(builder, to, To::from);
    builder = with_list(builder, cc, Cc::from);
    builder = with_list(builder, bcc, Bcc::from);

    let mut headers: Vec<_> = email.headers.iter().collect();
    headers.sort();
    for (name, value) in headers {
        let name = HeaderName::new_from_ascii(name.clone())
            .map_err(|_| MailerError::Header { header: name.clone(), problem: "is not a header name" })?;
        builder = builder.raw_header(HeaderValue::new(name, value.clone()));
    }

    let text = email.text_body.as_deref().map(|body| part(body, ContentType::TEXT_PLAIN));
    let html = email.html_body.as_deref().map(|body| part(body, ContentType::TEXT_HTML));
    let message = match (text, html) {
        // The best version last (RFC 2046 section 5.1.4).
        (Some(text), Some(html)) => builder.multipart(MultiPart::alternative().singlepart(text?).singlepart(html?))?,
        (Some(only), None) | (None, Some(only)) => builder.singlepart(only?)?,
        (None, None) => return Err(MailerError::Builder("No email body provided".to_owned())),
    };
    Ok(message)
}

/// Gives the mail its `Message-ID` now, so that a second attempt is recognisable as the same mail.
pub(crate) fn fix_message_id(email: &mut Email) {
    let named = email.headers.keys().any(|name| name.eq_ignore_ascii_case("Message-ID"));
    if named {
        return;
    }
    // A sender that cannot be parsed is reported when the mail is sent.
    if let Ok(from) = mailbox(&email.from) {
        email.headers.insert("Message-ID".to_owned(), message_id(&from.email));
    }
}

/// Random on the left, the sender's domain on the right (RFC 5322 section 3.6.4), so that no host name leaks.
fn message_id(from: &Address) -> String {
    format!("<{}@{}>", Uuid::new_v4(), from.domain())
}

/// Parses an address; an international domain becomes its ASCII form, which every server understands.
fn mailbox(text: &str) -> Result<Mailbox, MailerError> {
    let mut mailbox: Mailbox = text.parse()?;
    if !mailbox.email.domain().is_ascii() {
        let host = url::Host::parse(mailbox.email.domain());
        let domain = host.map_err(|_| AddressError::InvalidDomain)?.to_string();
        mailbox.email = Address::new(mailbox.email.user(), domain)?;
    }
    Ok(mailbox)
}

fn mailboxes(list: &[String]) -> Result<Mailboxes, MailerError> {
    list.iter().try_fold(Mailboxes::new(), |all, text| Ok(all.with(mailbox(text)?)))
}

/// An empty list has no header.
fn with_list<H: lettre::message::header::Header>(
    builder: MessageBuilder,
    list: Mailboxes,
    header: impl Fn(Mailboxes) -> H,
) -> MessageBuilder {
    if list.iter().next().is_none() { builder } else { builder.header(header(list)) }
}

fn part(body: &str, content_type: ContentType) -> Result<SinglePart, MailerError> {
    let encoded = Body::new_with_encoding(body.to_owned(), ContentTransferEncoding::QuotedPrintable);
    let encoded = encoded.map_err(|_| MailerError::Builder("Body cannot be encoded".to_owned()))?;
    Ok(SinglePart::builder().header(content_type).body(encoded))
}
