# Signing in: every password scheme, the password file's edits, user names,
# where one is sent, and that nobody learns who exists.

use Totp::Test;
use Digest::SHA qw(sha1);

my $t = Totp::Test->new(users => [qw(alice bob carol)]);

# The schemes, each with the password of its own user.

my %line;
my %pass;

sub user {
    my ($name, $scheme) = @_;
    $pass{$name} = secret_add(password => "pw-$name-" . random_hex(6));
    $line{$name} = $scheme->($pass{$name});
    return;
}

sub openssl_passwd {
    my ($kind, $salt, $p) = @_;
    open my $fh, '-|', tool('openssl'), 'passwd', $kind, '-salt', $salt, $p or die;
    chomp(my $out = <$fh>);
    return $out;
}

sub crypt_as {
    my ($setting) = @_;
    return sub {
        my $h = crypt $_[0], $setting;
        die "crypt(3) has no $setting" if !defined $h || $h =~ /^\*/;
        return $h;
    };
}

user(plain  => sub { "{PLAIN}$_[0]" });
user(sha    => sub { '{SHA}' . b64(sha1($_[0])) });
user(ssha   => sub { my $salt = random_bytes(8);
                     '{SSHA}' . b64(sha1($_[0] . $salt) . $salt) });
user(apr1   => sub { openssl_passwd('-apr1', 'aB3xY.z/', $_[0]) });
user(md5    => crypt_as('$1$abcdefgh$'));
user(sha256 => crypt_as('$5$rounds=1000$abcdefghijkl$'));
user(sha512 => crypt_as('$6$rounds=1000$abcdefghijkl$'));
user(bcrypt => crypt_as('$2b$04$abcdefghijklmnopqrstuu'));
user(bcrypty => crypt_as('$2y$04$abcdefghijklmnopqrstuu'));
user(bcrypta => crypt_as('$2a$04$abcdefghijklmnopqrstuu'));
user(yescrypt => crypt_as('$y$j75$abcdefghijklmnop$'));
user(scrypt => crypt_as('$7$86..../....abcdefghijklmnop$'));

# DES looks at eight characters only; its password has no more.

$pass{des} = 'eight8ch';
$line{des} = crypt $pass{des}, 'ab';

# Words that are odd in a file or in a form.

my %odd = (
    spaces => ' two  spaces ', colon => 'with:colon:s', utf8 => "p\xc3\xa4ss w\xc3\xb6rd",
    symbols => '&=+%#;"<>\'\\', long => 'x' x 200,
);
for my $name (keys %odd) {
    $pass{$name} = $odd{$name};
    $line{$name} = '{SHA}' . b64(sha1($odd{$name}));
}

# Names, byte for byte.

my %name = (
    "\xc3\xa9mile" => 'UTF-8', 'with space' => 'a space', 'n' x 255 => '255 bytes',
    'a&b=c+d%20' => 'form characters', '{tag}' => 'braces', 'ALICE' => 'capitals',
    '<b>"q"\'' => 'markup', 'user@example.com' => 'an address',
);
for my $name (keys %name) {
    $pass{$name} = 'pw-' . random_hex(6);
    $line{$name} = "{PLAIN}$pass{$name}";
}

$t->htpasswd(%line);
$t->node->reload;


for my $user (sort keys %line) {
    my $what = $name{$user} || $user;
    my $c = $t->client;
    my $r = $c->login($user, $pass{$user});
    is($r->status, 200, "$what: signs in") or diag $r->body;
    is($r->stage, 'full', "$what: full, as no second factor is enabled");
    my $got = $r->json->{user};
    utf8::encode($got) if defined $got && utf8::is_utf8($got);
    is($got, $user, "$what: under this name");

    $c = $t->client(ip => '127.0.0.2');
    my $wrong = $user eq 'des' ? 'wrong' : "$pass{$user}x";
    is_error($c->login($user, $wrong), 401, 'bad_credentials',
             "$what: not with another password");
}


# Not the hash itself, not nothing, not another's.

for my $case (['sha512', $line{sha512}], ['plain', "{PLAIN}$pass{plain}"],
              ['plain', ''], ['alice', $t->password('bob')],
              ['alice', uc $t->password('alice')],
              ['alice', ' ' . $t->password('alice')],
              ['alice', $t->password('alice') . ' '])
{
    my $c = $t->client(ip => '127.0.0.3');
    is_error($c->login(@$case), 401, 'bad_credentials',
             "$case->[0] with another word");
}


# Names that are none.

for my $user ('', 'x' x 256, "a\tb", "alice\n", "a\x7f", "\xc3", "\xc1\xa1lice",
              "\xed\xa0\x80", "\xff", "alice ", " alice", "Alice", "alice:x",
              "alic\xc3\xa9", "\xc2\x85x", '#alice', '*', '../alice')
{
    my $c = $t->client(ip => '127.0.0.4');
    is_error($c->login($user, $t->password('alice')), 401, 'bad_credentials',
             sprintf '[attack 26] the name %s', unpack 'H*', substr $user, 0, 20);
}


# An unknown user gets the very same answer.

sub answer {
    my ($user, $type) = @_;
    my $c = $t->client(ip => '127.0.0.6');
    $c->page('login');
    my $r = $type eq 'json'
        ? $c->act('login', { username => $user, password => 'wrong-word' })
        : $c->post_html('/2fa/login', { username => $user, password => 'wrong-word' });
    my $csrf = $c->{csrf};
    my $text = $r->{head} . "\n\n" . $r->body;
    $text =~ s/\Q$csrf/CSRF/g if defined $csrf;
    $text =~ s/^(Set-Cookie: totp=)[^;]*/$1VALUE/gmi;
    $text =~ s/^(Date|Content-Length): .*/$1/gmi;
    $text =~ s/\Q$user/USER/g;
    $text =~ s/("csrf":")[^"]*/$1CSRF/;
    $text =~ s/(name="csrf"[^>]*value=")[^"]*/$1CSRF/;
    return $text;
}

is(answer('alicx', 'json'), answer('carol', 'json'),
   '[attack 57] the same JSON for an unknown user');
is(answer('alicx', 'html'), answer('carol', 'html'),
   'the same page for an unknown user');


# Where one is sent.

my $c = $t->client;
$c->get_html('/2fa/login?next=/deep/page%3Fx%3D1');
my $r = $c->post_html('/2fa/login', { username => 'bob',
    password => $t->password('bob'), next => '/ping?x=1&y=2' });
is($r->status, 303, 'a browser is sent on with 303');
is($r->target, '/ping?x=1&y=2', 'to next');
$r = $t->client->login('bob', undef, next => '/ping?x=1');
is($r->json->{next}, '/ping?x=1', 'JSON says the same');
$r = $t->client->login('bob');
is($r->json->{next}, '/', 'without next: /');

my $page = $t->client->get_html('/2fa/login?next=/deep/page%3Fx%3D%26amp');
is($c->hidden($page->body, 'next'), '/deep/page?x=&amp',
   'the form carries next');
is_login_page($page, 200, 'the login page');
like($page->body, qr/autocomplete="username"/, 'autocomplete username');
like($page->body, qr/autocomplete="current-password"/, 'and password');

for my $bad ('//evil.example', '/\evil.example', 'https://evil.example/',
             'javascript:alert(1)', '\/evil', '/' . "\t" . '/evil.example',
             "/a\r\nSet-Cookie: x=y", 'evil', '@evil', '',
             '///evil', '/2fa/logout', '/2fa/login', '/2fa/code', '/2fa/',
             '/2fa', '/' . 'a' x 2100, '/ /evil', "/\xe2\x80\xa8/evil.example",
             '/./2fa/logout', '/x/../2fa/logout', '//2fa/logout',
             '/2fa/log%6fut', '/2fa/logout?x',
             '/..//evil.example', '/.//evil.example')
{
    my $r = $t->client->login('bob', undef, next => $bad);
    is($r->json->{next}, '/', '[attack 48] [attack 49] [attack 52] dropped: ' . substr($bad, 0, 30) =~ s/[^ -~]/./gr)
        or diag $r->body;
}
for my $good ('/', '/a?b=c&d=%20e', '/a?x=//b', '/a;b', '/2fa/settings',
              '/2fa/setup', '/2fa/backup-codes', '/2fa/disable', '/2fas/x',
              '/?next=//x', '/a%20b', '/~x/-_.!', '/' . 'a' x 2000)
{
    my $r = $t->client->login('bob', undef, next => $good);
    is($r->json->{next}, $good, '[attack 52] kept: ' . substr $good, 0, 30);
}


# With a second factor: stage password, then the code.

my $alice = $t->client->ready('alice');
$c = $t->client;
$r = $c->login('alice', undef, next => '/ping?q=1');
is($r->stage, 'password', 'a second factor is owed');
is($r->target_path, '/2fa/code', 'JSON: next is the code');
is($r->target_next, '/ping?q=1', 'which leads on');
$r = $c->code($t->otp('alice')->next_code, next => '/ping?q=1');
is($r->stage, 'full', 'the code: full');
is($r->json->{next}, '/ping?q=1', 'and on to next');
is($r->json->{user}, 'alice', 'user');

$c = $t->client;
$c->get_html('/2fa/login');
$r = $c->post_html('/2fa/login', { username => 'alice',
    password => $t->password('alice'), next => '/ping?q=1' });
is_redirect($r, '/2fa/code', '/ping?q=1', 'HTML: 303 to the code');
$page = $c->get_html($r->target);
is($page->status, 200, 'the code page');
like($page->body, qr/autocomplete="one-time-code"/, 'autocomplete one-time-code');
is($c->hidden($page->body, 'next'), '/ping?q=1', 'carries next');
unlike($page->body, qr/type="(?:number|password)"[^>]*name="code"/, 'a text field');
$r = $c->post_html('/2fa/code', { code => $t->otp('alice')->next_code,
                                  next => '/ping?q=1' });
is($r->status, 303, 'HTML: 303');
is($r->target, '/ping?q=1', 'to next');
through($c->get('/x'), 'and through');


# The portal itself leads to the page that fits.

is_redirect($t->client->get_html('/2fa/'), '/2fa/login', undef, 'nobody: to login');
$c = $t->client;
$c->login('alice');
is_redirect($c->get_html('/2fa/'), '/2fa/code', undef, 'password: to code');
is_redirect($alice->get_html('/2fa/'), '/2fa/settings', undef, 'full: to settings');


# Who has not the stage.

my $n = $t->client;
is_redirect($n->get_html('/2fa/settings'), '/2fa/login', '/2fa/settings',
            'settings, nobody: to login');
is_redirect($n->get_html('/2fa/code'), '/2fa/login', undef,
            'code, nobody: to login');
is_error($n->page('settings'), 401, 'login_required', 'settings, nobody: JSON');
ok(!$n->cookie, 'no cookie from anything but GET login');
$c = $t->client;
$c->login('alice');
is_redirect($c->get_html('/2fa/settings'), '/2fa/code', '/2fa/settings',
            'settings, password: to code');
$n->page('login');
my $p = $n->post_html('/2fa/code', { code => '123456' });
is($p->status, 401, "a browser's POST without the stage: 401");
like($p->header('Content-Type'), qr{^text/html}, 'as a page');
is_error($n->act('code', { code => '123456' }), 401, 'login_required',
         'JSON: 401');


# The pre-session: a valid one is reused.

$c = $t->client;
$r = $c->page('login');
is($r->stage, 'none', 'stage none');
my $csrf = $c->{csrf};
ok(length $csrf > 15, 'GET login gives a token');
my $cookie = $c->cookie;
$r = $c->page('login');
is($c->cookie, $cookie, 'GET login again: the same session');
$r = $c->post_json('/2fa/login', { username => 'bob',
    password => $t->password('bob'), csrf => $csrf });
is($r->status, 200, 'the first token still works');


# Edits of the file count within seconds, without a reload.

my $bob = $t->client;
$bob->login('bob');
$alice = $t->client;
$alice->sign_in('alice');
my $carol = $t->client;
$carol->login('carol');
is($carol->page('settings')->status, 200, 'carol is signed in');

my $old = $t->password('alice');
my $new = $t->set_password(alice => 'new-word-' . random_hex(8));
$t->htpasswd(alice => "{PLAIN}$new", carol => undef, dave => '{PLAIN}dave-word-1');

ok(wait_until(sub { $carol->page('settings')->status == 401 }, 10, 0.2),
   '[attack 7] a removed user is out within seconds');
ok(wait_until(sub { $alice->get('/x')->status == 401 }, 10, 0.2),
   'a changed password ends the sessions');
is_error($alice->get_json('/x'), 401, 'expired', 'as expired');
is($bob->page('settings')->status, 200, 'others stay signed in');
is_error($t->client(ip => '127.0.0.7')->login('carol'), 401, 'bad_credentials',
         'a removed user cannot sign in');
is_error($t->client(ip => '127.0.0.7')->login('alice', $old), 401,
         'bad_credentials', 'nor anyone with an old password');
is($t->client->login('alice', $new)->stage, 'password', 'the new one works');
is($t->client->login('dave', 'dave-word-1')->stage, 'full', 'a new user signs in');


# Another user in the same browser takes over; the first session is gone.

$c = $t->client;
$c->login('bob');
$r = $c->login('dave', 'dave-word-1');
is($r->json->{user}, 'dave', 'another user signs in');
is($c->page('settings')->json->{user}, 'dave', 'and is the one signed in');


# 10,000 users are as fast as ten.

my $fast = sub {
    my ($user, $word) = @_;
    my @times;
    for (1 .. 5) {
        my $c = $t->client;
        $c->page('login');
        my $began = now();
        my $r = $c->act('login', { username => $user, password => $word });
        push @times, now() - $began;
        return 99 if $r->stage ne 'full';
    }
    return (sort { $a <=> $b } @times)[2];
};

my $few = $fast->('dave', 'dave-word-1');
$t->htpasswd(map { (sprintf('user%05d', $_) => "{PLAIN}word-of-$_") } 1 .. 10000);
ok(wait_until(sub { $t->client(ip => fresh_ip())->login('user09999',
                        'word-of-9999')->status == 200 }, 15, 0.5),
   'a file of 10,000 users is read');
my $many = $fast->('user10000', 'word-of-10000');
cmp_ok($many, '<', $few + seconds(0.05),
       'the last of 10,000 signs in as fast as one of ten');


# A slow hash delays nobody else.

$t->htpasswd(slow => crypt 'slow-word', '$2b$12$abcdefghijklmnopqrstuu');
wait_until(sub { $t->client(ip => fresh_ip())->login('slow', 'slow-word')->status
                 == 200 }, 15, 0.5);
my @jobs = map {
    my $c = $t->client(ip => fresh_ip());
    $c->page('login');
    my $raw = $c->build('POST', '/2fa/login', form => { username => 'slow',
        password => 'slow-word', csrf => $c->{csrf} },
        headers => [Accept => 'application/json']);
    my $conn = $c->connect;
    [$conn, $raw];
} 1 .. 6;
$_->[0]->send($_->[1]) for @jobs;
$t->client->get('/ping') for 1 .. 2;
ok(scalar(grep { !IO::Select->new($_->[0]{sock})->can_read(0) } @jobs),
   '[attack 106] other requests do not wait for slow passwords');
my @done = map { $_->[0]->response->status } @jobs;
is("@done", join(' ', (200) x 6), 'slow passwords are checked');

$t->finish;

done_testing;
