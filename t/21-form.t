# What is refused before anything else happens, and in which order: method,
# body and type, CSRF, stage, lock.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)]);

my @JSON = (Accept => 'application/json');
my $alice = $t->client->ready('alice');
my $half = $t->client;
$half->login('alice');
my $bob = $t->client;
$bob->login('bob');

sub raw_post {
    my ($c, $page, $body, @headers) = @_;
    my %have = map { (lc $headers[2 * $_] => 1) } 0 .. @headers / 2 - 1;
    push @headers, 'Content-Type' => 'application/x-www-form-urlencoded'
        unless $have{'content-type'};
    return $c->request('POST', "/2fa/$page", body => $body,
                       headers => [@JSON, @headers]);
}


# Methods.

for my $page (qw(login code settings setup backup-codes disable logout), '') {
    for my $method (qw(PUT DELETE PATCH OPTIONS FOO)) {
        my $r = $alice->request($method, "/2fa/$page", headers => [@JSON]);
        is_error($r, 405, 'bad_method', "[attack 68] $method /2fa/$page");
        like($r->header('Allow') || '', qr/GET/, 'with Allow');
    }
}
is_error($alice->act('settings', {}), 405, 'bad_method', 'POST settings');
is_error($alice->act('', {}), 405, 'bad_method', 'POST to the portal itself');
is($alice->request('HEAD', '/2fa/login')->status, 200, 'HEAD is like GET');

for my $page (qw(nothing login/ Login settings.html css login.php ../2fa/x)) {
    is_error($alice->page($page), 404, 'not_found', "/2fa/$page");
}
is($alice->get_html('/2fa/nothing')->status, 404, 'not_found as a page');
like($alice->get_html('/2fa/nothing')->header('Content-Type'), qr{^text/html},
     'of HTML');


# Types.

my $csrf = uri_escape($half->{csrf});
my $wrong = $t->otp('alice')->wrong_code;
my $form = "csrf=$csrf&code=$wrong";

for my $type ('application/json', 'text/plain', 'multipart/form-data; boundary=x',
              'application/x-www-form-urlencoded; charset=utf-16',
              'application/x-www-form-urlencodedx', 'application/xml', 'x')
{
    is_error(raw_post($half, 'code', $form, 'Content-Type' => $type), 415,
             'bad_type', "[attack 45] [attack 63] type $type");
}
is_error($half->request('POST', '/2fa/code', body => $form, headers => [@JSON]),
         415, 'bad_type', 'no type');


# Sizes.

is_error(raw_post($half, 'code', "$form&x=" . 'x' x 9000), 413, 'too_large',
         '[attack 60] more than 8 KiB');
{
    my $conn = $half->connect;
    $conn->send($half->build('POST', '/2fa/code', headers => [@JSON,
        'Content-Type' => 'application/x-www-form-urlencoded',
        'Content-Length' => 10_000_000_000 ]));
    is_error($conn->response, 413, 'too_large', 'a length of 10 GB, before any of it');
    $conn->close;

    $conn = $half->connect;
    my $raw = $half->build('POST', '/2fa/code', headers => [@JSON,
        'Content-Type' => 'application/x-www-form-urlencoded',
        'Transfer-Encoding' => 'chunked']);
    $conn->send($raw . join '', map { "400\r\n" . 'x' x 1024 . "\r\n" } 1 .. 10);
    $conn->send("0\r\n\r\n");
    is_error($conn->response, 413, 'too_large', 'more than 8 KiB in chunks');
    $conn->close;
}
ok(!glob($t->node->{prefix} . '/client_body/*'), 'nothing went to a file');


# Forms.

my %bad = (
    'a field twice' => "$form&code=1",
    'the token twice' => "$form&csrf=$csrf",
    'next twice' => "$form&next=/a&next=/b",
    'a percent sign alone' => "$form&next=%",
    'half a percent sequence' => "$form&next=/%2",
    'a percent sequence that is none' => "$form&next=/%zz",
    '%u' => "$form&next=/%u0041",
    'NUL' => "$form&next=/a%00b",
    'a raw NUL' => "$form&next=/a\0b",
    'a field twice, escaped' => "$form&c%6fde=1",
);
for my $name (sort keys %bad) {
    is_error(raw_post($half, 'code', $bad{$name}), 400, 'bad_request',
             "[attack 64] [attack 65] $name");
}


# None of these counted as an attempt.

my $r = $half->code($wrong);
is_error($r, 401, 'bad_code', 'a wrong code');
is($r->json->{attempts_left}, 4, 'is the first that counts');


# CSRF.

$half = $t->client;
$half->login('alice');
$csrf = $half->{csrf};

for my $case (
    ['missing', undef], ['empty', ''], ['wrong', 'x' x length $csrf],
    ['cut', substr $csrf, 0, -1], ['longer', "${csrf}x"], ["another's", $bob->{csrf}],
    ['of a session before', do { my $c = $t->client; $c->page('login'); $c->{csrf} }],
) {
    is_error($half->act('code', { code => $wrong, csrf => $case->[1] }), 403,
             'bad_csrf', "[attack 43] token $case->[0]");
}
is_error($half->request('POST', '/2fa/code?csrf=' . uri_escape($csrf),
    form => { code => $wrong }, headers => [@JSON]), 403, 'bad_csrf',
    '[attack 43] token in the query');
is_error($half->request('POST', '/2fa/code', form => { code => $wrong },
    headers => [@JSON, 'X-CSRF-Token' => $csrf]), 403, 'bad_csrf',
    'token in a header');
is_error($half->request('POST', '/2fa/code', form => { code => $wrong, CSRF => $csrf },
    headers => [@JSON]), 403, 'bad_csrf', 'token under another name');
is_error($t->client->act('login', { username => 'alice',
    password => $t->password('alice') }), 403, 'bad_csrf', '[attack 45] login without a cookie');

for my $page (qw(setup backup-codes disable logout)) {
    is_error($alice->act($page, { csrf => 'wrong' }), 403, 'bad_csrf', $page);
}
is($alice->page('settings')->json->{enabled} ? 1 : 0, 1, 'nothing was changed');
through($alice->get('/x'), 'nobody was signed out');

$r = $t->client->post_html('/2fa/login', { username => 'alice', csrf => 'x',
    password => $t->password('alice') });
is_login_page($r, 403, 'on login the form comes again');
like($r->body, qr/cookie/i, 'and says that cookies may be off');


# From another site.

my $host = $half->{host};
my $port = $half->{port};

for my $case (
    ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Site' => 'cross-site'],
    ['Sec-Fetch-Site: same-site', 'Sec-Fetch-Site' => 'same-site'],
    ['Sec-Fetch-Site: nonsense', 'Sec-Fetch-Site' => 'x'],
    ['Origin of another site', Origin => 'http://evil.example'],
    ['Origin with a longer host', Origin => "http://localhost.evil:$port"],
    ['Origin with another port', Origin => 'http://localhost:1'],
    ['Origin without the port', Origin => 'http://localhost'],
    ['Origin null', Origin => 'null'],
    ['Origin empty', Origin => ''],
    ['Origin with a user', Origin => "http://$host\@evil.example"],
    ['both, one wrong', 'Sec-Fetch-Site' => 'cross-site', Origin => "http://$host"],
) {
    my ($name, @h) = @$case;
    is_error($half->act('code', { code => $wrong }, @h), 403, 'bad_csrf', "[attack 44] $name");
}
for my $case (
    ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site' => 'same-origin'],
    ['Sec-Fetch-Site: none', 'Sec-Fetch-Site' => 'none'],
    ['the right Origin', Origin => "http://$host"],
    ['https in front of an http connection', Origin => "https://$host"],
    ['same-origin with Origin null', 'Sec-Fetch-Site' => 'same-origin',
     Origin => 'null'],
    ['neither'],
) {
    my ($name, @h) = @$case;
    my $c = $t->client;
    $c->page('login');
    my $r = $c->act('login', { username => 'bob', password => $t->password('bob') },
                    @h);
    is($r->status, 200, "passes: $name") or diag $r->body;
}

my $c = $t->client;
$c->page('login');
is_error($c->act('login', { username => 'bob', password => $t->password('bob') },
    'Sec-Fetch-Site' => 'cross-site'), 403, 'bad_csrf', '[attack 45] login from another site');
is($c->page('login')->stage, 'none', 'signs nobody in');

$r = $half->code($wrong);
is($r->json->{attempts_left}, 3, 'none of that counted');


# The order.

is_error(raw_post($half, 'settings', 'x' x 9000, 'Content-Type' => 'text/plain'),
         405, 'bad_method', 'the method before the body');
is_error($half->request('PUT', '/2fa/code', body => 'x' x 9000, headers => [@JSON]),
         405, 'bad_method', 'the method before the size');
is_error(raw_post($half, 'code', 'code=%zz'), 400, 'bad_request',
         'the form before the token');
is_error(raw_post($half, 'code', 'code=1', 'Content-Type' => 'text/plain'), 415,
         'bad_type', 'the type before the token');
is_error(raw_post($half, 'code', 'x' x 9000), 413, 'too_large',
         'the size before the token');
is_error($t->client->act('disable', { csrf => 'x' }), 403, 'bad_csrf',
         'the token before the stage');
$c = $t->client;
$c->page('login');
is_error($c->act('disable', {}), 401, 'login_required', 'then the stage');

$half->code($wrong) for 1 .. 3;
is_error($half->code($wrong), 429, 'locked', 'locked');
is_error($half->act('code', { code => $wrong, csrf => 'x' }), 403, 'bad_csrf',
         'the token before the lock');
is_error(raw_post($half, 'code', 'code=%zz'), 400, 'bad_request',
         'the form before the lock');
is_error($half->act('disable', {}), 401, 'code_required', 'the stage before the lock');


# However a body arrives, it is the same.

$c = $t->client;
$c->page('login');
my $body = form_encode([[username => 'bob'], [password => $t->password('bob')],
                        [csrf => $c->{csrf}], [next => '/a b?c&d']]);
my @H = (headers => [@JSON, 'Content-Type' => 'application/x-www-form-urlencoded']);
my $whole = $c->build('POST', '/2fa/login', body => $body, @H);
my $head = length($whole) - length $body;
my %answers;

for my $cut (map { int } $head - 3, $head - 1, $head, $head + 1, $head + 9,
             $head + length($body) / 2, length($whole) - 1)
{
    my $conn = $c->connect;
    $conn->send(substr $whole, 0, $cut);
    nap(0.03);
    $conn->send(substr $whole, $cut);
    my $r = $conn->response;
    $answers{ $r->status . ' ' . $r->target }++;
    $conn->close;
}

for my $size (1, 7, 1000) {
    my $conn = $c->connect;
    $conn->send($c->build('POST', '/2fa/login', headers => [@{ $H[1] },
        'Transfer-Encoding' => 'chunked']));
    for (my $i = 0; $i < length $body; $i += $size) {
        my $part = substr $body, $i, $size;
        $conn->send(sprintf "%x\r\n%s\r\n", length $part, $part);
    }
    $conn->send("0\r\n\r\n");
    my $r = $conn->response;
    $answers{ $r->status . ' ' . $r->target }++;
    $conn->close;
}
is(scalar(keys %answers), 1, '[attack 62] split and chunked bodies give one answer')
    or diag explain \%answers;
like((keys %answers)[0] || '', qr/^200 /, 'which is that of the whole body');

$c = $t->client;
$c->page('login');
$r = $c->request('POST', '/2fa/login', body => "username=bob&password="
    . uri_escape($t->password('bob')) . '&csrf=' . uri_escape($c->{csrf})
    . '&other=1&other2&&=x&a+b=%41',
    headers => [@JSON, 'Content-Type' =>
                'application/x-www-form-urlencoded; charset=UTF-8']);
is($r->status, 200, 'unknown fields and charset=UTF-8 are nothing to refuse')
    or diag $r->body;

$r = $t->client->request('POST', '/2fa/login', headers => [@JSON]);
ok($r->status == 415 || $r->status == 400 || $r->status == 403,
   'a POST without anything is refused: ' . $r->status);

$t->finish;

done_testing;
