#!/usr/bin/perl
#
# The demo's application: an ordinary web application that knows nothing of
# second factors.  It reads the name of who is signed in from a header that
# nginx sets, X-Forwarded-User.
#
#     app.pl SOCKET
#
# One process a connection, one request a connection.

use strict;
use warnings;

use IO::Socket::UNIX;
use POSIX ();

use constant MAX_BODY => 65536;

my $path = shift @ARGV;
die "usage: app.pl SOCKET\n" if !defined $path || @ARGV;

unlink $path;
my $listen = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path,
                                   Listen => 128) or die "$path: $!\n";

$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';

while (1) {
    my $c = $listen->accept or next;
    my $pid = fork;

    if (defined $pid && !$pid) {
        close $listen;
        alarm 30;
        eval { serve($c); 1 } or print STDERR $@;
        POSIX::_exit(0);
    }
    close $c;
}


sub serve {
    my ($c) = @_;

    my $r = receive($c) or return;
    my ($status, $type, $body) = answer($r);

    my $head = "HTTP/1.0 $status\r\n"
        . "Content-Type: $type\r\n"
        . 'Content-Length: ' . length($body) . "\r\n"
        . "Content-Security-Policy: default-src 'self'; "
        . "img-src data:; frame-ancestors 'none'; base-uri 'none'\r\n"
        . "Cache-Control: no-store\r\n"
        . "X-Content-Type-Options: nosniff\r\n\r\n";

    $body = '' if $r->{method} eq 'HEAD';
    print {$c} $head . $body;
    close $c;

    return;
}


# method, path, headers (in order, as pairs), body

sub receive {
    my ($c) = @_;

    my $buf = '';
    until ($buf =~ /\r\n\r\n/) {
        return if length $buf > 65536;
        sysread($c, $buf, 8192, length $buf) or return;
    }

    my ($head, $body) = split /\r\n\r\n/, $buf, 2;
    my ($line, @lines) = split /\r\n/, $head;
    my ($method, $uri) = $line =~ m{\A([A-Z]+) (\S+) HTTP/} or return;

    my @headers = map { [ /\A([^:]+):[ \t]*(.*)\z/s ] } grep { /:/ } @lines;
    my ($length) = map { $_->[1] } grep { lc $_->[0] eq 'content-length' } @headers;
    $length = 0 if !defined $length || $length !~ /\A[0-9]+\z/;
    $length = MAX_BODY if $length > MAX_BODY;

    while (length $body < $length) {
        sysread($c, $body, $length - length $body, length $body) or last;
    }

    return { method => $method, path => $uri =~ s/\?.*//sr,
             headers => \@headers, body => $body };
}


sub header {
    my ($r, $name) = @_;

    my ($value) = map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $r->{headers} };

    return defined $value ? $value : '';
}


sub answer {
    my ($r) = @_;

    my $path = $r->{path};

    return home($r) if $path eq '/' || $path eq '/optional/';
    return form($r) if $path eq '/form';
    return poll($r) if $path eq '/poll';
    return now() if $path eq '/api/time';
    return ('200 OK', 'text/css; charset=utf-8', style()) if $path eq '/style.css';
    return ('200 OK', 'text/javascript; charset=utf-8', script())
        if $path eq '/poll.js';

    return page($r, '404 Not Found', 'Not found', '<p>There is no such page.</p>');
}


sub home {
    my ($r) = @_;

    my $user = html(header($r, 'X-Forwarded-User'));
    my $who = $user ne ''
        ? "<p class=\"big\">You are signed in as <strong>$user</strong>.</p>"
        : '<p class="big">Nobody is signed in.</p>';

    my $rows = join '', map {
        '<tr><th scope="row">' . html($_->[0]) . '</th><td>' . html($_->[1])
        . "</td></tr>\n"
    } @{ $r->{headers} };

    my $optional = $r->{path} eq '/optional/'
        ? '<p>This part asks for a code only those who have enabled two-factor '
          . 'authentication.</p>'
        : '<p>This part is open only to those who gave a password and a code. '
          . '<a href="/optional/">Another part</a> asks for a code only those '
          . 'who have enabled two-factor authentication, and '
          . '<a href="/ping">a third</a> is open to everybody.</p>';

    return page($r, '200 OK', 'A sample application', <<"END");
$who
$optional
<h2>What this application received</h2>
<p>It reads the name above from <code>X-Forwarded-User</code>, which nginx sets.
The cookie of the sign-in is not here: nginx keeps it to itself. Other cookies
arrive as they are.</p>
<table>
<thead><tr><th scope="col">Header</th><th scope="col">Value</th></tr></thead>
<tbody>
$rows</tbody>
</table>
END
}


sub form {
    my ($r) = @_;

    if ($r->{method} eq 'POST') {
        my ($text) = grep { defined } map { /\Atext=(.*)\z/s ? $1 : undef }
                     split /&/, $r->{body};
        $text = '' unless defined $text;
        $text =~ tr/+/ /;
        $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
        my $shown = html($text);

        return page($r, '200 OK', 'Received', <<"END");
<p>The application received this text:</p>
<blockquote>$shown</blockquote>
<p><a class="button" href="/form">Send another</a></p>
END
    }

    return page($r, '200 OK', 'A form', <<'END');
<form method="post" action="/form">
<label for="text">A text</label>
<textarea id="text" name="text" rows="4" required></textarea>
<button>Send</button>
</form>
<p class="soft">Sign out in another tab before you send, and see what becomes of
the text: the answer says so, and the back button brings it back.</p>
END
}


sub poll {
    my ($r) = @_;

    return page($r, '200 OK', 'A page that polls', <<'END');
<p>Every two seconds a script asks for the time.</p>
<p class="big"><time id="time">…</time></p>
<p id="state" role="status">Asking…</p>
<noscript><p>It needs JavaScript.</p></noscript>
<script src="/poll.js" defer></script>
END
}


sub now {
    my $time = time;

    return ('200 OK', 'application/json',
            sprintf qq({"time": %d, "text": "%s UTC"}\n), $time,
            POSIX::strftime('%H:%M:%S', gmtime $time));
}


sub page {
    my ($r, $status, $title, $content) = @_;

    my $nav = join "\n", map {
        my ($to, $text) = @$_;
        my $here = $to eq $r->{path} ? ' aria-current="page"' : '';
        "<a href=\"$to\"$here>$text</a>";
    } ['/', 'Home'], ['/form', 'Form'], ['/poll', 'Polling'],
      ['/2fa/settings', 'Two-factor settings'], ['/2fa/logout', 'Sign out'];

    return ($status, 'text/html; charset=utf-8', <<"END");
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title – demo</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<nav aria-label="Pages">
$nav
</nav>
<main>
<h1>$title</h1>
$content</main>
</body>
</html>
END
}


sub html {
    my ($text) = @_;

    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;',
                  '"' => '&quot;', "'" => '&#39;');
    $text =~ s/([&<>"'])/$entity{$1}/g;

    return $text;
}


sub style {
    return <<'END';
:root {
    color-scheme: light dark;
    --bg: #f6f5f1;
    --card: #fff;
    --text: #22252a;
    --soft: #5c6068;
    --line: #dedbd2;
    --accent: #0b6e4f;
}
@media (prefers-color-scheme: dark) {
    :root {
        --bg: #14171a;
        --card: #1e2226;
        --text: #e8e8e4;
        --soft: #a9adb3;
        --line: #373d43;
        --accent: #5fd0a5;
    }
}
* { box-sizing: border-box }
body {
    max-width: 46rem;
    margin: 0 auto;
    padding: 1rem;
    background: var(--bg);
    color: var(--text);
    font: 1rem/1.55 system-ui, sans-serif;
    overflow-wrap: anywhere;
}
nav { display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin: .5rem 0 1rem }
nav a { padding: .6rem 0; color: inherit; text-decoration: none }
nav a:hover { text-decoration: underline }
nav a[aria-current] { font-weight: 600; box-shadow: inset 0 -2px var(--accent) }
main {
    padding: 1.5rem;
    background: var(--card);
    border: 1px solid var(--line);
    border-radius: .75rem;
}
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25 }
h2 { margin: 1.75rem 0 .5rem; font-size: 1.1rem }
a { color: var(--accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.big { font-size: 1.2rem }
.soft { color: var(--soft) }
table { width: 100%; border-collapse: collapse; font-size: .9rem }
th, td { padding: .4rem .5rem .4rem 0; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top }
tbody th { width: 35%; font-weight: 500 }
td, code, time { font-family: ui-monospace, monospace }
label { display: block; font-weight: 600 }
textarea { display: block; width: 100%; margin: .25rem 0 1rem; padding: .6rem; font: inherit; color: inherit; background: var(--bg); border: 1px solid var(--soft); border-radius: .4rem }
button, .button { display: inline-block; padding: .6rem 1.2rem; font: inherit; font-weight: 600; color: var(--card); background: var(--accent); border: 0; border-radius: .4rem; text-decoration: none; cursor: pointer }
blockquote { margin: 0 0 1rem; padding: .5rem 1rem; border-inline-start: .3rem solid var(--accent); white-space: pre-wrap }
END
}


sub script {
    return <<'END';
// Asks for the time every two seconds.  When the session has ended, the answer
// is 401 with JSON that names the page to sign in on: stop, and offer it.

(() => {
    const time = document.getElementById('time');
    const state = document.getElementById('state');

    const signedOut = (login) => {
        const link = document.createElement('a');
        const to = new URL(login, location.href);

        if (!to.searchParams.has('next')) {
            to.searchParams.set('next', location.pathname);
        }
        link.href = to;
        link.textContent = 'Sign in again';
        state.textContent = 'You are signed out, so this page has stopped asking. ';
        state.append(link);
    };

    const ask = async () => {
        try {
            const answer = await fetch('/api/time', {
                headers: { Accept: 'application/json' },
            });

            if (answer.status === 401) {
                const { login } = await answer.json();
                signedOut(login || '/2fa/login');
                return;
            }
            if (!answer.ok) {
                throw new Error(answer.statusText);
            }
            const { text } = await answer.json();
            time.textContent = text;
            state.textContent = 'Up to date.';
        } catch {
            state.textContent = 'No answer just now; trying again.';
        }
        setTimeout(ask, 2000);
    };

    ask();
})();
END
}
