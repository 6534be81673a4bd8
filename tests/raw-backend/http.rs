//! Streamable HTTP, as little of it as clients need: one object or one stream for each request.

use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Fields;
use crate::talk::{self, World};

const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

/// Prints where, and serves until it is killed.
pub(crate) fn serve(world: &Arc<World>) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}/mcp", listener.local_addr()?);
    for connection in listener.incoming() {
        let (connection, world) = (connection?, Arc::clone(world));
        // A client that goes away is no matter.
        std::thread::spawn(move || serve_one(&world, connection));
    }
    Ok(())
}

fn serve_one(world: &World, connection: TcpStream) -> Result<(), Error> {
    let mut input = BufReader::new(connection.try_clone()?);
    let mut output = connection;
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let is_post = line.starts_with("POST");
        let is_get = line.starts_with("GET");
        let mut length = 0;
        loop {
            line.clear();
            input.read_line(&mut line)?;
            match line.trim().to_lowercase().split_once(':') {
                Some(("content-length", value)) => {
                    length = value.trim().parse().map_err(Error::other)?;
                }
                Some(_) => {}
                None => break,
            }
        }
        line.clear();
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        let body = String::from_utf8(body).map_err(Error::other)?;
        if is_get && !world.is_new() {
            return beside(world, None, output);
        }
        if is_post && talk::streams(world.is_new(), &body) {
            return stream(world, &body, output);
        }
        let said = Arc::new(Mutex::new(String::new()));
        let saying = Arc::clone(&said);
        if is_post {
            world.hear(&body, &move |text: &str| {
                text.clone_into(&mut saying.lock().unwrap_or_else(PoisonError::into_inner));
                true
            });
        }
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let status = match (is_post, said.is_empty()) {
            (false, _) => "405 Method Not Allowed",
            (true, true) => "202 Accepted",
            (true, false) => "200 OK",
        };
        let length = said.len();
        write!(
            output,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{said}"
        )?;
        output.flush()?;
    }
    Ok(())
}

fn event(output: &mut TcpStream, text: &str) -> Result<(), Error> {
    write!(output, "data: {text}\n\n")?;
    output.flush()
}

/// What precedes the answer to one request, and the answer.
fn stream(world: &World, body: &str, mut output: TcpStream) -> Result<(), Error> {
    output.write_all(STREAM.as_bytes())?;
    let writer = Mutex::new(output.try_clone()?);
    world.hear(body, &move |text: &str| {
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        event(&mut writer, text).is_ok()
    });
    if !body.contains(r#""method":"subscriptions/listen""#) {
        return Ok(());
    }
    let fields: Fields = serde_json::from_str(body)?;
    let id = fields.get("id").map(|id| id.get().to_owned());
    listen(world, id, output)
}

/// What is about no request.
fn beside(world: &World, listens: Option<String>, mut output: TcpStream) -> Result<(), Error> {
    output.write_all(STREAM.as_bytes())?;
    listen(world, listens, output)
}

fn listen(world: &World, listens: Option<String>, mut output: TcpStream) -> Result<(), Error> {
    let (say, said) = channel::<String>();
    world.listen(
        listens,
        Box::new(move |text| say.send(text.to_owned()).is_ok()),
    );
    for text in said {
        event(&mut output, &text)?;
    }
    Ok(())
}
