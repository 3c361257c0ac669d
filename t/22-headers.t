# What every answer of the module carries, in HTML and in JSON, at every
# status; the assets; and that nothing a visitor sends comes back as markup.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)]);

my $alice = $t->client->ready('alice');
my $half = $t->client;
$half->login('alice');
my $nobody = $t->client;
my %asset;

sub common {
    my ($r, $name, %o) = @_;

    my %want = (
        'Cache-Control' => 'no-store',
        'X-Content-Type-Options' => 'nosniff',
        'Referrer-Policy' => 'same-origin',
        'Cross-Origin-Opener-Policy' => 'same-origin',
    );
    my %got = map { ($_ => join ' | ', $r->all_headers($_)) } keys %want;
    my $csp = join ' | ', $r->all_headers('Content-Security-Policy');

    # Cache-Control may say more than that.
    $got{'Cache-Control'} = 'no-store'
        if $got{'Cache-Control'} =~ /(?:\A|,\s*)no-store(?:,|\z)/
           && $got{'Cache-Control'} !~ /public/;

    is_deeply(\%got, \%want, "[attack 46] $name: headers") or diag $r->{head};
    like($csp, qr/default-src 'none'/, "$name: default-src");
    like($csp, qr/frame-ancestors 'none'/, "$name: frame-ancestors");
    like($csp, qr/base-uri 'none'/, "$name: base-uri");
    unlike($csp, qr/unsafe-/, "$name: no unsafe-");
    if ($o{form}) {
        unlike($csp, qr/form-action/, "$name: no form-action");
    } else {
        like($csp, qr/form-action 'self'/, "$name: form-action");
    }
    for my $h (qw(ETag Last-Modified Access-Control-Allow-Origin)) {
        is($r->header($h), undef, "$name: no $h");
    }
}

sub html {
    my ($r, $name) = @_;

    my $b = $r->body;

    is($r->header('Content-Type'), 'text/html; charset=utf-8', "$name: type");
    like($b, qr/<!doctype html>/i, "$name: doctype");
    like($b, qr/<html[^>]*\blang="[a-z-]+"/i, "$name: lang");
    like($b, qr{<title>[^<]+</title>}i, "$name: title");
    like($b, qr/<meta[^>]*name="viewport"/i, "$name: viewport");
    unlike($b, qr/<script(?![^>]*\bsrc=)/i, "$name: no inline script");
    unlike($b, qr/<style\b/i, "$name: no inline style");
    unlike($b, qr/<[a-z][^>]*\s(?:style|on[a-z]+)\s*=/i,
           "$name: no style or handler attributes");
    unlike($b, qr{(?:src|href|action)="(?:https?:)?//}i,
           "$name: nothing from elsewhere");
    $asset{$1} = 1 while $b =~ m{<(?:link|script|img)\b[^>]*\b(?:href|src)="(/[^"]+)"}g;

    # Each field has a label.
    for my $input (grep { !/type="(?:hidden|submit|button)"|\shidden\b/ }
                   $b =~ /<(?:input|textarea|select)\b([^>]*)>/gi)
    {
        my ($id) = $input =~ /\bid="([^"]+)"/;
        ok(($input =~ /aria-label(?:ledby)?=/)
           || ($id && $b =~ /<label[^>]*\bfor="\Q$id\E"/),
           "$name: a label for" . $input);
    }
}

my $json = 'application/json';

for my $case (
    ['login', 200, $nobody, 'GET', 'login'],
    ['code', 200, $half, 'GET', 'code'],
    ['settings', 200, $alice, 'GET', 'settings'],
    ['setup', 200, $alice, 'GET', 'setup'],
    ['backup-codes', 200, $alice, 'GET', 'backup-codes'],
    ['disable', 200, $alice, 'GET', 'disable'],
    ['logout', 200, $alice, 'GET', 'logout'],
    ['not_found', 404, $alice, 'GET', 'nothing'],
    ['bad_method', 405, $alice, 'POST', 'settings'],
    ['bad_csrf', 403, $alice, 'POST', 'disable', { csrf => 'x' }],
    ['bad_csrf on login', 403, $nobody, 'POST', 'login', { csrf => 'x' }],
    ['bad_request', 400, $alice, 'POST', 'disable', [[a => 1], [a => 1]]],
    ['bad_credentials', 401, $nobody, 'POST', 'login',
     { username => 'nobody', password => 'wrong-word' }],
    ['bad_code', 401, $half, 'POST', 'code', { code => '0' }],
    ['code without a session', 401, do { my $c = $t->client; $c->page('login'); $c },
     'POST', 'code', { code => '123456' }],
) {
    my ($name, $status, $c, $method, $page, $form) = @$case;

    for my $type ('text/html', $json) {
        my $r = $method eq 'GET'
            ? $c->get("/2fa/$page", Accept => $type)
            : $c->post("/2fa/$page", $form || {}, Accept => $type);
        my $short = $type =~ /html/ ? "$name, page" : "$name, JSON";

        is($r->status, $status, "$short: status")
            or diag substr $r->body, 0, 300;
        my $formless = $page eq 'login' || $page eq 'code';
        common($r, $short, form => $formless
               && $r->{head} !~ /form-action/);
        if ($type eq $json) {
            like($r->header('Content-Type'), qr{^application/json},
                 "$short: type");
            ok(ref $r->json eq 'HASH' && keys %{ $r->json }, "$short: is JSON");
            is($r->json->{error}, $name =~ /^(\w+_\w+)/ ? $1 : 'login_required',
               "$short: the word") if $status != 200;
        } else {
            html($r, $short);
        }
        is($r->header('WWW-Authenticate'), 'TOTP realm="default"',
           "$short: the challenge") if $status == 401;
        is($r->header('WWW-Authenticate'), undef, "$short: no challenge")
            if $status != 401;
    }
}


# form-action: on all but login and code.

for my $case ([$nobody, 'login'], [$half, 'code']) {
    my ($c, $page) = @$case;
    unlike($c->get_html("/2fa/$page")->header('Content-Security-Policy'),
           qr/form-action/, "$page has no form-action");
}


# Redirects and the gate's answers.

common($nobody->get_html('/x'), 'the gate, 303', form => 0)
    if ($nobody->get_html('/x')->header('Content-Security-Policy') || '') ne '';
is($nobody->get_html('/x')->header('Cache-Control'), 'no-store',
   'the gate, 303: no-store');
is($nobody->get_json('/x')->header('Cache-Control'), 'no-store',
   'the gate, 401: no-store');
is($nobody->get_json('/x')->header('WWW-Authenticate'), 'TOTP realm="default"',
   'the gate, 401: the challenge');
is($nobody->get_html('/2fa/settings')->header('Cache-Control'), 'no-store',
   'the portal, 303: no-store');
common($nobody->post('/x', { a => 1 }, Accept => 'text/html',
                     'Sec-Fetch-Mode' => 'navigate',
                     'Sec-Fetch-Dest' => 'document'), 'the gate, 401 page');


# Which of HTML and JSON.

for my $case (['text/html', 'html'], ['application/json', 'json'],
              ['*/*', 'html'], [undef, 'html'],
              ['application/json, text/html', 'html'],
              ['application/json, text/html;q=0.9', 'json'],
              ['application/json;q=0.5, text/html;q=0.4', 'json'],
              ['application/json;q=0.4, text/html;q=0.5', 'html'],
              ['application/json, */*', 'json'],
              ['APPLICATION/JSON', 'json'])
{
    my ($accept, $want) = @$case;
    my $r = $nobody->get('/2fa/login', defined $accept ? (Accept => $accept) : ());
    like($r->header('Content-Type'), qr/$want/,
         'Accept: ' . (defined $accept ? $accept : '(none)'));
}


# HEAD: the same, without a body, and the connection stays in step.

my $conn = $nobody->connect;
for my $path (qw(/2fa/login /2fa/nothing /x /2fa/settings)) {
    $conn->send($nobody->build('HEAD', $path, keep => 1,
                               headers => [Accept => $json]));
    my $head = $conn->response(head => 1);
    my $get = $nobody->get_json($path);
    is($head->status, $get->status, "HEAD $path: status");
    is($head->header('Content-Type'), $get->header('Content-Type'),
       "HEAD $path: type");
}
$conn->send($nobody->build('GET', '/2fa/login', keep => 1,
                           headers => [Accept => $json]));
is($conn->response->json->{stage}, 'none', 'and the next answer is in step');
$conn->close;


# Assets.

cmp_ok(scalar(keys %asset), '>=', 1, 'the pages have assets');
for my $path (sort keys %asset) {
    my $r = $t->client->get($path);
    is($r->status, 200, "$path: to anyone");
    my $cc = $r->header('Cache-Control') || '';
    like($cc, qr/public/, "$path: public");
    like($cc, qr/immutable/, "$path: immutable");
    like($path, qr/[0-9a-f]{8,}|[\w-]{10,}/, "$path: its name has a hash");
    is($r->header('Set-Cookie'), undef, "$path: no cookie");
    is($r->header('X-Content-Type-Options'), 'nosniff', "$path: nosniff");
    like($r->header('Content-Type'), qr{^(?:text/css|(?:text|application)/javascript|image/)},
         "$path: type");
    (my $other = $path) =~ s/([0-9a-f])([0-9a-f]{4,})/($1 eq 'a' ? 'b' : 'a') . $2/e;
    is($t->client->get_json($other)->status, 404, "$other: another hash is none")
        if $other ne $path;
}


# Markup.

for my $evil ('"><script>alert(1)</script>', "' onfocus=alert(1) x='",
              '</title><b>', '&lt;i&gt;', '<img src=x onerror=alert(1)>')
{
    my $c = $t->client(ip => fresh_ip());
    $c->page('login');
    my $r = $c->post_html('/2fa/login', { username => $evil,
        password => 'wrong-word', next => "/$evil" });
    is($r->status, 401, 'a user name of markup');
    unlike($r->body, qr/\Q$evil/, '[attack 55] does not come back as it is');
    unlike($r->body, qr/<script>|<b>|<img src=x|onfocus=alert\(1\) x='/,
           '[attack 55] nor as markup');
    $r = $c->get_html('/2fa/login?next=/' . uri_escape($evil));
    unlike($r->body, qr/<script>|<b>|<img src=x|onfocus=alert\(1\) x='/,
           '[attack 55] next neither');
    $r = $c->get_html('/2fa/' . uri_escape($evil));
    is($r->status, 404, 'a path of markup');
    unlike($r->body, qr/<script>|<b>|<img src=x|onfocus=alert\(1\) x='/,
           '[attack 56] neither');
}

my $r = $t->client->get_html('/2fa/login', Host => 'evil.example',
                             'X-Forwarded-Host' => 'evil.example');
unlike($r->body . $r->{head}, qr/evil\.example/, '[attack 54] no Host comes back');
$r = $t->client->get('/x', Host => 'evil.example', Accept => 'text/html');
unlike($r->{head}, qr/evil\.example/, '[attack 54] nor in Location');

$t->finish;

done_testing;
