# Where `next` may lead after signing in, and what else could be made to lead
# elsewhere.  Several hundred strings, made of parts, class by class: each goes
# through the JSON answer, through the 303 of a server with absolute_redirect
# off, through the 303 of one with it on over HTTP/2, and through the form.

use Totp::Test;

my $server = <<'END';
        totp         on;
        totp_issuer  "Example Corp";
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
END

my $t = Totp::Test->new(users => [qw(alice bob carol)],
    http => "totp_attempts 100 5m;\n    totp_threads 2 max_queue=1024;",
    server => "absolute_redirect on;\n$server", start => 0, servers => <<"END");
    ssl_certificate      %DIR%/cert.pem;
    ssl_certificate_key  %DIR%/key.pem;
    server {
        listen             127.0.0.1:%PORT_relative%;
        server_name        localhost;
        absolute_redirect  off;
$server
    }
    server {
        listen             127.0.0.1:%PORT_two% ssl http2;
        server_name        localhost;
        absolute_redirect  on;
$server
    }
END

system(join ' ', tool('openssl'), qw(req -x509 -newkey ec -pkeyopt
       ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -batch),
       '-keyout', "$t->{dir}/key.pem", '-out', "$t->{dir}/cert.pem",
       '2>/dev/null') == 0 or die 'openssl made no certificate';
$t->node->start;

my @JSON = (Accept => 'application/json');
my @HTML = (Accept => 'text/html');
my $curl = tool('curl');


# What a browser makes of a Location (WHATWG URL, from a page of ours): '' if it
# leads off this host, or to a path that is read as a host by whoever takes it
# for an address of its own; else the path.

sub leads {
    my ($to) = @_;

    $to =~ s/\A[\x00-\x20]+//;
    $to =~ s/[\x00-\x20]+\z//;
    $to =~ s/[\t\r\n]//g;
    return '' if $to =~ /\A[a-z][a-z0-9+.-]*:/i;

    my ($path) = $to =~ /\A([^?#]*)/;
    $path =~ tr{\\}{/};
    return '' if $path !~ m{\A/} || $path =~ m{\A//};

    my @out;
    my @segment = split m{/}, substr($path, 1), -1;
    for my $i (0 .. $#segment) {
        my $plain = $segment[$i] =~ s/%2e/./gir;
        if ($plain eq '..') { pop @out }
        elsif ($plain ne '.') { push @out, $segment[$i]; next }
        push @out, '' if $i == $#segment;
    }
    $path = '/' . join '/', @out;

    return $path =~ m{\A/(?:/|\\|%2f|%5c)}i ? '' : $path;
}

is(leads('/a?//b'), '/a', 'a path is local');
is(leads($_), '', "$_ is not") for '//e', '/\\e', "/\t/e", 'http:e', '/x/..//e',
                                   '/%2e%2e//e', '/%2fe', 'e';


# The strings.

my @host = ('evil.example', 'evil.example/', 'evil.example/%2e%2e%2f',
            'evil.example/%2f..', 'evil.example//', 'localhost@evil.example',
            'localhost:80@evil.example/x', 'evil.example:80', 'javascript:alert(1)');
my @number = ('0xd83ad6ce', '3627734734', '0330.072.0326.0316', '0xd8.3856078',
              '00330.0x3a.54990', '472.314.470.462', '[::216.58.214.206]',
              '[::ffff:216.58.214.206]', 'x@0xd83ad6ce', '1');
my @raw = map { chr } 1 .. 8, 9, 10, 11, 12, 13, 28 .. 32, 127;

sub each_of {
    my ($before, $after) = @_;
    return map { my $b = $_; map { "$b$_" } @$after } @$before;
}

my %hostile = (
    'slashes' => [each_of(['//', '///', '////', '/////'], [@host, @number])],
    'backslashes' => [each_of(['/\\', '\\/', '\\\\', '/\\/', '\\/\\/', '//\\',
                               '///\\;@', '\\', '/x\\..\\..\\'], \@host)],
    'dot segments' => [each_of(['/.//', '/..//', '/././/', '/%2e//', '/%2E%2E//',
        '/.%2e//', '/../..//', '/x/..//', '/x/../..//', '/x/%2e%2e//',
        '/x/.././/', '/x/y/../..//', '/./\\', '/x/../\\', '/..\\/', '/x/../%2f',
        '/x/../%5c', '/./%2F'], [@host[0, 2, 5]])],
    'encoded slashes' => [each_of(['/%2f', '/%2F', '/%2f%2f', '/%2f/', '/%5c',
        '/%5C', '/%5c%5c', '/%5c/', '/%2f%5c%2f', '%2f%2f', '%2f', '%5c%5c',
        '%252f%252f', '//%5c', '//%2f'], [@host[0, 3, 5, 8]])],
    'control characters' => [(map { ("/$_/evil.example", "$_//evil.example",
        "/$_\\evil.example", "//${_}evil.example", "/a${_}b", "/a$_") } @raw),
        (map { my $h = sprintf '%02x', $_; ("/%$h/evil.example", "//%$h/evil.example",
            "%$h//evil.example", "/a%$h") } 0 .. 31, 127)],
    'line ends' => [map { ("/a${_}Set-Cookie:x=y", "/${_}Location:%20//evil.example",
        "/a?b${_}Set-Cookie:%20x=y", "$_/a") } "\r\n", "\n", "\r", "\xe5\x98\x8a\xe5\x98\x8d",
        "\xc4\x8d\xc4\x8a", "\xc2\x85", "\xe2\x80\xa8"],
    'spaces and signs of Unicode' => [map { ("${_}evil.example", "/$_/evil.example",
        "$_$_//evil.example", "/${_}evil.example", "$_//evil.example") }
        "\xef\xbc\x8f", "\xe3\x80\xb1", "\xe2\x80\xa8", "\xe2\x88\x95", "\xe2\xa7\xb8",
        "\xe3\x80\x80", "\xc2\xa0", "\xe2\x80\x8b", "\xef\xbb\xbf", "\xef\xbc\xbc",
        "\xff", "\xc0\xaf", "\xe0\x80\xaf"],
    'escaped ones without a slash' => ['%E3%80%B1evil.example', '%E2%80%A8//evil.example',
        '%68%74%74%70%3a%2f%2f%65', '%EF%BC%8F%EF%BC%8Fevil.example', '%09//evil.example',
        '%20//evil.example', '%00//evil.example', '%'],
    'schemes' => [(each_of([each_of(['https:', 'http:', 'HTTPS:', 'hTtP:', 'ftp:', 'file:',
        'x:'], ['', '/', '//', '///', '\\\\', '/\\', '/%09/'])], [@host[0, 5]])),
        (each_of(['http:', 'http://'], \@number)),
        'javascript:alert(1)', 'JavaScript:alert(1)', 'javascript://%0aalert(1)',
        "java\nscript:alert(1)", "\tjavascript:alert(1)", "java\rscript:alert(1)",
        'java%0dscript:alert(1)', 'javascript:/alert(1)//', 'data:text/html,x',
        'data:text/html;base64,PHNjcmlwdD4=', 'vbscript:x', 'about:blank',
        'blob:https://evil.example/1', 'view-source:http://evil.example',
        'feed:https://evil.example', 'mailto:a@evil.example', 'file:///etc/passwd',
        'https://localhost.evil.example', 'https://evil.example#localhost',
        'https://evil.example?localhost', 'https://localhost%2eevil.example',
        '\\x6aavascript:alert(1)', '\\u006aavascript:alert(1)', '&#106;avascript:x'],
    'no path' => ['evil.example', '@evil.example', ':80#@evil.example/', '.evil.example',
        ';//evil.example', '?//evil.example', '#//evil.example', '', '/\\', '//', '///',
        '*', '~', '..', '.', '../..//evil.example', './/evil.example', '&', '=',
        '-//evil.example', '<>//evil.example', '";alert(0);//'],
    'markup and fragments' => ['/a#b', '/#//evil.example', '/a?b#c', '/<>//evil.example',
        '/"><script>alert(1)</script>', '/a?"onfocus=x', '/a`b', '/a{b}', '/a|b', '/a^b',
        '/<script>', '/a"b', '/a>b'],
    'bad sequences' => ['/%', '/%2', '/%zz', '/a%', '/a%2', '/a%u0041', '/%%32%66/evil',
        '/a%00', '/%0'],
    "the portal's own pages" => ['/2fa/logout', '/2fa/login', '/2fa/code', '/2fa/', '/2fa',
        '/2fa?x', '/2fa/?next=/x', '/2fa/login?next=/2fa/login', '/2fa/logout?x',
        '/2fa/code?next=/2fa/code', '/2fa/./logout', '/2fa/x/../logout', '/2fa//logout',
        '/2fa/%6cogout', '/2fa%2flogout', '/%32fa/logout', '/x/../2fa/login',
        '/2fa/settings/../logout', '/2fa/settings%2f..%2flogout', '/2fa/settings/x',
        '/2fa/LOGOUT', '/2fa/logout/', '/2fa/settings%3f', '/2fa/settings;x',
        '/x/y/..%2f../2fa/logout', '/x%2f..%2f2fa/logout', '/2fa/%2e/logout', '/x//../2fa/logout',
        '/2fa/nothing', '/2fa/setup%00', '/2fa/disable%20'],
    'too long' => ['/' . 'a' x 2048, '/?' . 'a' x 4000, '/a?x=' . 'b' x 3000],
);

# These lead nowhere else, whatever they look like, and are what was asked for.

my @legal = ('/', '/a?x=//b', '/a?u=https://evil.example/', '/a?b=%2f%2fevil.example',
    '/a;b', '/?', '/a?', '/a??b', '/?next=//x', '/a//b', '/a/%2e%2e/b', '/a/../b', '/..',
    '/a%2fb', '/a%20b', '/%20/evil.example', "/'", '/!$&\'()*+,;=:@', '/[x]?y[]=1', '/~u/-_.',
    '/%25', '/%252f/evil.example', '/%C3%A9', '/%E2%80%A8/evil.example', '/%ff',
    '/https://evil.example/', '/http:evil.example', '/javascript:alert(1)',
    '/@evil.example', '/evil.example//', '/x:1/', '/a?b=%0d%0aSet-Cookie:x=y',
    '/a?%', '/a?b=%zz', '/a/./b', '/.a', '/..a//b', '/...//evil.example', '/a%5cb',
    '/a/%2fb', '/2fas/logout', '/2f/logout', '/2FA/logout', '/2fa/settings',
    '/2fa/setup?x=1', '/2fa/backup-codes', '/2fa/disable?next=/x', '/2fa//settings',
    '/2fa/s%65ttings', '/' . 'a' x 2047, '/?' . 'b' x 2046);


# Someone without a second factor who is signed in and signs in again keeps
# his session, and so his token: one request a string.

my %c = map { my $port = $_; my $c = $t->client($port ? (port => $port) : ());
              $c->login('bob'); ($_ => $c) } '', 'relative';
my $two = $c{relative}->clone(port => $t->node->port('two'));
my $token = $c{''}{csrf};

sub form {
    my ($c, $next) = @_;
    return [[username => 'bob'], [password => $t->password('bob')],
            [next => $next], [csrf => $c->{csrf}]];
}

sub by_post {
    my ($c, $headers, @next) = @_;
    my @r;
    while (my @batch = splice @next, 0, 80) {
        push @r, Totp::Client->fire([ map { [$c, $c->build('POST', '/2fa/login',
            form => form($c, $_), headers => $headers)] } @batch ]);
    }
    return map { $_->status =~ /^(?:200|303)$/ ? $_->target : 'status ' . $_->status } @r;
}

# All over one connection of HTTP/2.

sub by_two {
    my (@next) = @_;
    my $url = "https://127.0.0.1:$two->{port}/2fa/login";
    my $cookie = $two->cookie_header;
    my $file = spew("$t->{dir}/curl", join "next\n", map {
        my $data = form_encode(form($two, $_));
        qq{http2\ninsecure\nsilent\ninclude\nmax-time = 60\nurl = "$url"\n}
        . qq{header = "Accept: text/html"\nheader = "Host: localhost"\n}
        . qq{header = "Cookie: $cookie"\ndata-raw = "$data"\n}
    } @next);
    my $out = `$curl -K $file 2>&1`;
    unlike($out, qr/^HTTP\/1/m, 'all of it was HTTP/2');
    return map { my ($status) = /\AHTTP\/2 (\d+)/; my ($to) = /^location: (.*?)\r$/mi;
                 $status eq '303' && defined $to ? $to : "status $status" }
           split /^(?=HTTP\/2 )/m, $out;
}

# What the form carries on.

sub by_form {
    my ($c, @next) = @_;
    my @r;
    while (my @batch = splice @next, 0, 80) {
        push @r, map {
            my $to = $c->hidden($_->body, 'next');
            $_->status != 200 ? 'status ' . $_->status
                : defined $to && $to ne '' ? $to : '/'
        } Totp::Client->fire([ map { [$c, $c->build('GET',
            '/2fa/login?next=' . uri_escape($_), headers => [@HTML])] } @batch ]);
    }
    return @r;
}

my @ways = (['JSON', sub { by_post($c{''}, [@JSON], @_) }],
            ['303, absolute_redirect off', sub { by_post($c{relative}, [@HTML], @_) }],
            ['303, HTTP/2', \&by_two],
            ['the form', sub { by_form($c{''}, @_) }]);
my @class = sort keys %hostile;
my @all = map { my $k = $_; map { [$k, $_] } @{ $hostile{$k} } } @class;
my %entry = (
    'slashes' => '[attack 48]', 'backslashes' => '[attack 48]', 'dot segments' => '[attack 48]',
    'encoded slashes' => '[attack 48] [attack 51]', 'control characters' => '[attack 49]',
    'line ends' => '[attack 53]', 'spaces and signs of Unicode' => '[attack 49]',
    'escaped ones without a slash' => '[attack 49]', 'schemes' => '[attack 50]', 'no path' => '[attack 50]',
    'markup and fragments' => '[attack 52]', 'bad sequences' => '[attack 51]',
    "the portal's own pages" => '[attack 52]', 'too long' => '[attack 52]',
);

cmp_ok(scalar @all, '>', 800, scalar(@all) . ' strings');

for my $way (@ways) {
    my ($name, $by) = @$way;
    my @got = $by->(map { $_->[1] } @all);
    is(scalar @got, scalar @all, "$name: an answer to each");
    my %bad;
    for my $i (0 .. $#all) {
        my ($class, $next) = @{ $all[$i] };
        # a server may refuse an address that is longer than its buffers
        next if $class eq 'too long' && $name eq 'the form' && $got[$i] =~ /^status 414/;
        $bad{$class}{$next} = $got[$i] if !defined $got[$i] || $got[$i] ne '/';
    }
    for my $class (@class) {
        is_deeply($bad{$class} || {}, {},
                  "$entry{$class} $name: $class are dropped")
            or diag map { substr($_, 0, 60) . "\n" } sort keys %{ $bad{$class} };
    }

    @got = $by->(@legal);
    is_deeply([ grep { leads($_) eq '' } @got ], [],
              "[attack 48] [attack 50] $name: what is kept leads nowhere else");
    is_deeply([ map { $got[$_] eq $legal[$_] ? () : [$legal[$_], $got[$_]] } 0 .. $#legal ],
              [], "[attack 52] $name: legal ones are kept byte for byte");
}
is($c{''}{csrf}, $token, 'with one token for all of them');


# NUL is refused in a form, and dropped in an address; so is what comes twice.

my $c = $c{''};
sub raw_login {
    my ($tail, $query) = @_;
    return $c->request('POST', '/2fa/login' . ($query || ''), body => form_encode(
        [[username => 'bob'], [password => $t->password('bob')], [csrf => $token]])
        . $tail, headers => [@JSON, 'Content-Type' => 'application/x-www-form-urlencoded']);
}

for my $case (['&next=/%00/evil.example', 400], ['&next=/ok&next=//evil.example', 400],
              ['&next=//evil.example&next=/ok', 400], ['&next=/ok&n%65xt=/ok', 400],
              ['&next=/ok&NEXT=//evil.example', '/ok'], ['&NEXT=//evil.example', '/'],
              ['&Next=/x&next=/ok', '/ok'], ['&next[]=/x', '/'],
              ['&next=%252f%252fevil.example', '/'], ['&next=/a%252fb', '/a%2fb'],
              ['&next=/ok', '/ok', '?next=//evil.example'],
              ['&next=//evil.example', '/', '?next=/ok'],
              ['&next=', '/', '?next=/ok'], ['', '/ok', '?next=/ok'],
              ['', '/', '?next=/ok&next=/ok'], ['', '/', '?next=/ok&next=//evil.example'],
              ['', '/', '?next=//evil.example&next=/ok'], ['', '/', '?NEXT=/ok'],
              ['', '/', '?next=%2500'], ['', '/', '?next=/a%00'], ['', '/', '?next=/a%zz'],
              ['', '/', '?next=%252f%252fevil.example'], ['', '/a+b', '?next=/a+b'],
              ['', '/', '?%6eext=/ok'], ['', '/', '?xnext=/ok'], ['', '/', '?x?next=/ok'])
{
    my ($tail, $want, $query) = @$case;
    my $r = raw_login($tail, $query);
    my $name = '[attack 51] ' . ($query ? "$query, then " : '') . "'$tail'";
    $want eq '400' ? is_error($r, 400, 'bad_request', $name)
                   : is($r->target, $want, $name) || diag $r->body;
}
is_error(raw_login('&next=/' . 'a' x 8192), 413, 'too_large', '[attack 52] eight KiB');


# The other places that lead on: the code, the set-up, the links of pages.

my $carol = $t->client;
$carol->login('carol');
my $setup = $carol->page('setup')->json;
my $otp = $t->otp(carol => Totp::Otp->from_uri($setup->{otpauth}, skew => 3));
my @few = ('//evil.example', '/\\evil.example', "/\t/evil.example", 'https:evil.example',
           'javascript:alert(1)', '/2fa/logout', "/a\r\nSet-Cookie: x=y", '/x/..//evil.example');

for my $next (@few) {
    my $name = $next =~ s/[^ -~]/./gr;
    my $r = $carol->post_html('/2fa/setup', { code => $otp->code_off(40), next => $next });
    is($carol->hidden($r->body, 'next') || '', '', "[attack 48] set-up refused: $name is dropped");
    for my $page (qw(login code setup backup-codes disable settings logout), '') {
        $r = $carol->get_html("/2fa/$page?next=" . uri_escape($next));
        unlike($r->body . $r->{head}, qr/evil|alert\(1\)|Set-Cookie: x/,
               "[attack 53] GET $page: $name does not come back");
        $r = $t->client->get_html("/2fa/$page?next=" . uri_escape($next));
        unlike($r->body . $r->{head}, qr/evil|alert\(1\)|Set-Cookie: x/,
               "[attack 53] GET $page, nobody: $name does not either");
    }
    $t->redis->cmd('HDEL', 'totp:user:{default:carol}', qw(fails locks locked_until row));
}
is_redirect($carol->post_html('/2fa/setup', { code => $otp->next_code,
    next => '//evil.example' }), '/2fa/backup-codes', undef, '[attack 48] set-up');
my $codes = $carol->get_html('/2fa/backup-codes?next=' . uri_escape("javascript:alert(1)"));
unlike($codes->body, qr/alert\(1\)/, '[attack 50] no link of the backup codes leads there');
like($carol->get_html('/2fa/backup-codes?next=/deep')->body, qr{href="/deep"},
     'while they have one');

for my $next ('//evil.example', '/x/..//evil.example') {
    my $d = $t->client;
    my $r = $d->login('carol', undef, next => $next);
    is($r->target, '/2fa/code', '[attack 48] the password: no next');
    $r = $d->post_html('/2fa/code', { code => $otp->wrong_code, next => $next });
    is($d->hidden($r->body, 'next') || '', '', '[attack 48] a wrong code: dropped');
    is($d->post_html('/2fa/code', { code => $otp->next_code, next => $next })->target, '/',
       '[attack 48] a right code leads to /');
}
is_redirect($carol->post_html('/2fa/backup-codes', { next => '//evil.example' }),
            '/2fa/backup-codes', undef, '[attack 48] new backup codes');
unlike($carol->post_html('/2fa/logout', { next => '//evil.example' })->{head}, qr/evil/,
       '[attack 48] signing out');


# The gate: what was asked for stands in next, unless it is such a string.

my $nobody = $t->client;
my @path = grep { !/[\x00-\x20\x7f]/ && m{\A/} && length $_ < 4000 } map { $_->[1] } @all;
my %out;
for my $port ('', 'relative') {
    my $n = $t->client($port ? (port => $port) : ());
    my @p = @path;
    while (my @batch = splice @p, 0, 100) {
        my @r = Totp::Client->fire([ map { [$n, $n->build('GET', $_,
                                            headers => [@HTML])] } @batch ]);
        for my $i (0 .. $#r) {
            my $to = $r[$i]->target;
            my $next = $r[$i]->target_next;
            $out{$port}{ $batch[$i] } = $to if $to ne ''
                && ($to !~ m{\A/2fa/(?:login|code)(?:\z|\?next=[^?&#]*\z)}
                    || (defined $next && leads($next) eq ''));
        }
    }
}
is_deeply(\%out, {}, '[attack 48] [attack 54] the gate takes none of them over, '
          . scalar(@path) . ' addresses') or diag explain \%out;

{
    my $url = "https://127.0.0.1:$two->{port}";
    my @p = grep { !/["\\\[\]{}#]/ } @path;
    my $file = spew("$t->{dir}/curl", "http2\ninsecure\nsilent\ninclude\npath-as-is\n"
        . "globoff\nmax-time = 60\nheader = \"Accept: text/html\"\n"
        . join '', map { qq{url = "$url$_"\n} } @p);
    my @to = `$curl -K $file` =~ /^location: (.*?)\r$/mgi;
    cmp_ok(scalar @to, '>', 100, 'HTTP/2: redirects of the gate');
    my @bad = grep { !m{\A/2fa/(?:login|code)(?:\z|\?next=([^?&#]*)\z)}
                     || (defined $1 && leads(uri_unescape($1)) eq '') } @to;
    is_deeply(\@bad, [], '[attack 48] [attack 54] HTTP/2: nor does it there');
}


# Whatever the client says its host is, no address names it.

sub head_of {
    my ($port, $raw) = @_;
    my $k = $t->client($port ? (port => $port) : ())->connect;
    $k->send($raw);
    my $r = $k->response;
    $k->close;
    return $r;
}

for my $port ('', 'relative') {
    for my $path (qw(/x /2fa/ /2fa/settings /2fa/login /2fa)) {
        for my $case (
            ['Host', "GET $path HTTP/1.1\r\nHost: evil.example\r\n"],
            ['Host with a port', "GET $path HTTP/1.1\r\nHost: localhost:1\@evil.example\r\n"],
            ['forwarded', "GET $path HTTP/1.1\r\nHost: localhost\r\n" . join '',
             map { "$_: evil.example\r\n" } 'X-Forwarded-Host', 'X-Forwarded-Server',
                 'X-Host', 'Forwarded', 'X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Prefix',
                 'X-Forwarded-Uri', 'Referer'],
            ['absolute', "GET http://evil.example$path HTTP/1.1\r\nHost: localhost\r\n"],
            ['absolute, Host', "GET http://evil.example$path HTTP/1.1\r\nHost: evil.example\r\n"],
            ['no Host', "GET $path HTTP/1.0\r\n"],
            ['markup', "GET $path HTTP/1.1\r\nHost: a\"><script>\r\n"],
            ['twice', "GET $path HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"],
        ) {
            my ($name, $raw) = @$case;
            my $r = head_of($port, "${raw}Accept: text/html\r\nConnection: close\r\n\r\n");
            ok($r->status && $r->body . $r->{head} !~ /evil|"><script/,
               "[attack 54] $port $path, $name: not named") or diag $r->{head} . $r->body;
            my $to = $r->header('Location');
            ok(!defined $to || leads($to) ne '', "[attack 54] $port $path, $name: a path")
                or diag $to;
        }
    }
}
{
    my $r = $t->client->get_json('/x', Host => 'evil.example', 'X-Forwarded-Host' => 'evil');
    unlike($r->body, qr/evil/, '[attack 54] nor in JSON');
    my $out = `$curl -s -i -k --http2 -H 'Host: evil.example' -H 'Accept: text/html' https://127.0.0.1:$two->{port}/x`;
    like($out, qr{^location: /2fa/login}mi, '[attack 54] HTTP/2: :authority');
    unlike($out, qr/evil/, '[attack 54] HTTP/2: is not named');
}


# Line ends in what else is typed make no header.

for my $name ("bob\r\nSet-Cookie: x=y", "bob\n", "\rbob", "bob\xe5\x98\x8a\xe5\x98\x8dSet-Cookie: x=y") {
    my $d = $t->client(ip => fresh_ip());
    $d->page('login');
    for my $type (\@JSON, \@HTML) {
        my $r = $d->post('/2fa/login', { username => $name, password => 'wrong-word' }, @$type);
        is($r->status, 401, '[attack 53] a user name with a line end: refused');
        is_deeply([ grep { $_->{name} ne 'totp' } $r->set_cookies ], [],
                  '[attack 53] and no header of its own');
    }
}
is($t->client->request('POST', '/2fa/login', body => "username=a\0b",
    headers => [@JSON, 'Content-Type' => 'application/x-www-form-urlencoded'])->status, 400,
   '[attack 53] NUL');
for my $issuer ("A\r\nSet-Cookie: x=y", "A\nB") {
    my ($rc, $out) = $t->config_test(server => "totp on; totp_issuer \"$issuer\";"
        . ' location /2fa/ { totp_portal; }');
    is($rc, 0, '[attack 53] an issuer of two lines is text');
}

$t->finish;

done_testing;
