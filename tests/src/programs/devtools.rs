//! A page of somebody else in a real Chromium: a test does with it what a person would, by the DevTools protocol. That
//! goes through a pair of pipes, so it takes neither a port nor a library.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::browser::Browser;

/// How long a browser may take for a step, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open page.
pub struct Page {
    browser: Browser,
    messages: Receiver<Value>,
    sent: u64,
    session: Option<String>,
    events: Vec<Value>,
}

impl Page {
    /// Opens a page in a Chromium of its own.
    ///
    /// # Panics
    /// When the browser does not start, or refuses.
    pub fn open(url: &str) -> Self {
        let mut command = Command::new("sh");
        // The protocol has its pipes at 3 and 4.
        let script = r#"exec 3<&0 4>&1 </dev/null >/dev/null; exec chromium "$@""#;
        command.args(["-c", script, "chromium"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut browser = Browser::start(command, &["--remote-debugging-pipe"]);
        let output = browser.child.stdout.take().expect("a pipe");
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("a message is JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut page = Self {
            browser,
            messages,
            sent: 0,
            session: None,
            events: Vec::new(),
        };
        let target = page.call("Target.createTarget", &json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let attached = page.call("Target.attachToTarget", &target);
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Log", "Runtime"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.call("Page.navigate", &json!({"url": url}));
        page
    }

    /// Waits until an expression of JavaScript is true of the page, which is what makes its value.
    ///
    /// # Panics
    /// When it does not become true.
    pub fn wait(&mut self, expression: &str) -> Value {
        let start = Instant::now();
        loop {
            let value = self.evaluate(expression);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            if start.elapsed() > PATIENCE {
                let text = self.evaluate("document.body.innerText.slice(0, 4000)");
                let complaints = self.complaints();
                panic!("not true in time: {expression}; {complaints:?}; {text}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Clicks on the first element that a selector finds, as soon as there is one.
    pub fn click(&mut self, selector: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.wait(&format!("!!{found} && ({found}.click(), true)"));
    }

    /// Types into the first element that a selector finds, as soon as there is one.
    pub fn type_into(&mut self, selector: &str, text: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.wait(&format!("!!{found} && ({found}.focus(), true)"));
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// The URLs that the page has asked for so far.
    pub fn requests(&self) -> Vec<&str> {
        let requests = self.of("Network.requestWillBeSent");
        requests
            .filter_map(|event| event["request"]["url"].as_str())
            .collect()
    }

    /// What the browser and the page have complained of so far: breaches of the policy, failed requests, exceptions.
    pub fn complaints(&self) -> Vec<&Value> {
        let logged = self.of("Log.entryAdded").map(|event| &event["entry"]);
        logged
            .filter(|entry| entry["level"] == "error")
            .chain(self.of("Runtime.exceptionThrown"))
            .collect()
    }

    fn of(&self, event: &str) -> impl Iterator<Item = &Value> {
        let events = self.events.iter();
        let events = events.filter(move |message| message["method"] == event);
        events.map(|message| &message["params"])
    }

    fn evaluate(&mut self, expression: &str) -> Value {
        let what = json!({"expression": expression, "returnByValue": true});
        let mut evaluated = self.call("Runtime.evaluate", &what);
        assert!(
            evaluated["exceptionDetails"].is_null(),
            "{expression}: {evaluated}"
        );
        evaluated["result"]["value"].take()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let input = self.browser.child.stdin.as_mut().expect("a pipe");
        write!(input, "{message}\0").expect("the browser listens: `make test` installs it");
        loop {
            let answer = self.messages.recv_timeout(PATIENCE);
            let mut answer = answer.unwrap_or_else(|_| panic!("no answer to {method}"));
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }
}
