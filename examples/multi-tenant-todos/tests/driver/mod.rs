//! A headless Chromium, and what people do in it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use multi_tenant_todos::address::PublicUrl;
use thirtyfour::{ChromiumLikeCapabilities as _, prelude::*};
use tokio::net::TcpListener;

use crate::support::TestApp;

/// How long a page may take, and how often the browser looks for what it waits for.
const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(50);
/// The installed programs, where they are not in `PATH` under these names.
const DRIVER: (&str, &str) = ("TORII_TEST_CHROMEDRIVER", "chromedriver");
const CHROMIUM: (&str, &str) = ("TORII_TEST_CHROMIUM", "chromium");

/// The application on a port of its own.
pub(crate) struct Site {
    pub(crate) app: TestApp,
    port: u16,
}

/// Starts the application. It ends with the test.
pub(crate) async fn serve() -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = TestApp::start_at(PublicUrl::localhost(port)).await;
    let service = app.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    Site { app, port }
}

impl Site {
    /// Chromium finds `localhost` and everything below it on this machine, without asking anybody.
    pub(crate) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(crate) fn by_host(&self, tenant: &str) -> String {
        format!("http://{tenant}.localhost:{}", self.port)
    }

    pub(crate) fn by_path(&self, tenant: &str) -> String {
        format!("{}/t/{tenant}", self.origin())
    }
}

/// The process that steers the browser. It ends with this value, and the browser with it.
struct Driver {
    process: Child,
    port: u16,
    /// Read to the line that names the port; kept, so that the process can go on writing.
    _output: BufReader<ChildStdout>,
}

impl Driver {
    fn start() -> Self {
        let program = program(DRIVER);
        // It picks a free port itself, so that nobody can take it in between.
        let mut command = Command::new(&program);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process =
            command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        loop {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "{} ended at once", program.display());
            let Some((_, port)) = line.split_once("started successfully on port ") else { continue };
            let port = port.trim_end().trim_end_matches('.').parse().unwrap();
            return Self { process, port, _output: output };
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// An installed program.
///
/// # Panics
/// If it is not installed, and with what to do about it.
fn program((variable, name): (&str, &str)) -> PathBuf {
    let told = env::var_os(variable).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        told.or_else(|| env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file()));
    found.unwrap_or_else(|| {
        panic!("{name} is not installed (apt-get install chromium chromium-driver), and {variable} names none")
    })
}

/// Runs `test` in a new browser. If it fails, what was on the screen is in `<target>/tmp/browser/<name>.png`.
pub(crate) async fn in_browser<F>(name: &str, test: impl FnOnce(Browser) -> F)
where
    F: Future<Output = WebDriverResult<()>> + Send + 'static,
{
    let driver = Driver::start();
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.set_binary(&program(CHROMIUM).display().to_string()).unwrap();
    // The sandbox does not work for root, which CI often is; only pages of this application are opened.
    for argument in
        ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--window-size=1280,800"]
    {
        capabilities.add_arg(argument).unwrap();
    }
    let chromium = WebDriver::new(format!("http://127.0.0.1:{}", driver.port), capabilities).await.unwrap();

    // A task of its own: a panic in it is seen here, and the browser is ended either way.
    let outcome = tokio::spawn(test(Browser { chromium: chromium.clone() })).await;
    let failed = !matches!(outcome, Ok(Ok(())));
    let screenshot = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser").join(format!("{name}.png"));
    if failed {
        fs::create_dir_all(screenshot.parent().unwrap()).unwrap();
        chromium.screenshot(&screenshot).await.ok();
    }
    chromium.quit().await.ok();
    drop(driver);
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{error}; see {}", screenshot.display()),
        Err(error) => panic!("{error}; see {}", screenshot.display()),
    }
}

/// What people do in a browser.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) chromium: WebDriver,
}

impl Browser {
    async fn find(&self, what: &str, xpath: String) -> WebDriverResult<WebElement> {
        self.chromium.query(By::XPath(xpath)).desc(what).wait(PATIENCE, INTERVAL).first().await
    }

    pub(crate) async fn open(&self, address: &str) -> WebDriverResult<()> {
        self.chromium.goto(address).await
    }

    /// Waits until a text is on the page.
    pub(crate) async fn see(&self, text: &str) -> WebDriverResult<()> {
        self.find(text, format!("//main[contains(normalize-space(.), {text:?})]")).await.map(drop)
    }

    /// That a text is not on the page that is there now.
    pub(crate) async fn sees_nothing_of(&self, text: &str) -> WebDriverResult<()> {
        let main = self.chromium.find(By::Tag("main")).await?.text().await?;
        assert!(!main.contains(text), "{main}");
        Ok(())
    }

    /// Types into the field that has this label.
    pub(crate) async fn fill_in(&self, label: &str, text: &str) -> WebDriverResult<()> {
        let field = self.find(label, format!("//input[@id = //label[normalize-space(.) = {label:?}]/@for]")).await?;
        field.clear().await?;
        field.send_keys(text).await
    }

    pub(crate) async fn press(&self, button: &str) -> WebDriverResult<()> {
        self.find(button, format!("//button[normalize-space(.) = {button:?}]")).await?.click().await
    }

    pub(crate) async fn follow(&self, link: &str) -> WebDriverResult<()> {
        self.find(link, format!("//a[normalize-space(.) = {link:?}]")).await?.click().await
    }

    /// Follows the link in the newest mail that has one, on the outbox page.
    pub(crate) async fn follow_mailed_link(&self) -> WebDriverResult<()> {
        self.find("a mailed link", "//article//a[contains(@href, '?token=')]".to_owned()).await?.click().await
    }

    /// Where the keyboard is.
    pub(crate) async fn focused(&self) -> WebDriverResult<WebElement> {
        self.chromium.active_element().await
    }
}
