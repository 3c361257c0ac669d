# Cookies that the module did not make, or did not make so.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)], server =>
    Totp::Test->default_server . 'location /off { totp off; proxy_pass http://%APP%; }',
    servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_staff%;
        server_name  localhost;
        totp         on;
        totp_realm   staff;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

my $alice = $t->client->ready('alice');
my $good = $alice->cookie;
my $app = $t->app;

through($alice->get('/x'), 'the cookie as it is');
$app->reset;

sub with {
    my (@headers) = @_;
    return $alice->build('GET', '/x', cookies => 0, headers => \@headers);
}

sub all_refused {
    my ($name, @values) = @_;

    my %bad;

    while (my @batch = splice @values, 0, 100) {
        my @r = Totp::Client->fire([ map { [$alice, with(Cookie => $_)] } @batch ]);
        for (0 .. $#r) {
            $bad{ $r[$_]->status } ||= $batch[$_] if $r[$_]->status != 401;
        }
    }

    is_deeply(\%bad, {}, $name);
}

my $n = length $good;
my @alphabet = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
my %index = map { ($alphabet[$_] => $_) } 0 .. 63;

all_refused('[attack 2] each character changed by one bit', map {
    my $v = $good;
    my $i = $index{ substr $v, $_, 1 };
    substr $v, $_, 1, defined $i ? $alphabet[$i ^ (1 << ($_ % 6))] : 'A';
    "totp=$v";
} 0 .. $n - 1);

all_refused('[attack 3] the last character, every other one', map {
    my $v = $good;
    substr $v, -1, 1, $_;
    $v eq $good ? () : "totp=$v";
} @alphabet);

all_refused('[attack 2] every truncation', map { 'totp=' . substr $good, 0, $_ } 0 .. $n - 1);

all_refused('[attack 3] other spellings of the same',
    "totp=$good=", "totp=$good==", "totp=\"$good\"", "totp=${good}A",
    "totp=$good.", "totp= $good", "totp=" . uc $good, "totp=%$good",
    'totp=' . ($good =~ s/(.)/sprintf '%%%02x', ord $1/er));

(my $std = $good) =~ tr{-_}{+/};
all_refused('[attack 3] the standard alphabet', "totp=$std") if $std ne $good;

all_refused('[attack 1] nonsense', 'totp=', 'totp=x', 'totp=' . '0' x 24, 'totp',
    'totp=' . 'A' x 3000, 'totp=' . ('A' x $n), 'totp=....',
    "totp=\xff\xfe", 'totp=;totp=', "totp\t=$good");

all_refused('[attack 9] names that only look alike', map { "$_=$good" }
    'TOTP', 'Totp', 'totp ', '__Host-totp', 'totp-staff', 'xtotp', 'totp_');

all_refused('[attack 9] a good one twice, or beside a forged one',
    "totp=$good; totp=x", "totp=x; totp=$good",
    "totp=$good; totp=" . ('A' x $n));

{
    my @r = Totp::Client->fire([
        [$alice, with(Cookie => "totp=$good", Cookie => 'totp=x')],
        [$alice, with(Cookie => 'totp=x', Cookie => "totp=$good")],
    ]);
    is(join(' ', map { $_->status } @r), '401 401', '[attack 9] in two headers');
}

is($app->hits, 0, 'none of them reached the application');


# A cookie of one stage or realm is none of another.

# What Redis has of alice, and which secrets are pending.

sub record {
    my %h = @{ $t->redis->cmd('HGETALL', 'totp:user:{default:alice}') };
    return [\%h, sort grep { /pending/ } $t->redis->keys];
}

my $half = $t->client;
$half->login('alice');
my $visitor = $t->client;
$visitor->page('login');
ok($visitor->cookie, 'GET login gives a pre-session');
is_error($visitor->get_json('/x'), 401, 'login_required',
         '[attack 4] a pre-session is no session');
is_error($half->get_json('/x'), 401, 'code_required',
         '[attack 5] stage password is not full');
is_error($half->page('settings'), 401, 'code_required',
         '[attack 5] stage password sees no settings');
my $had = record();
for my $page (qw(setup backup-codes disable)) {
    is_error($half->page($page), 401, 'code_required', "[attack 5] [attack 35] nor $page");
    for my $form ({ code => '123456' }, { code => $t->otp('alice')->code_off(1), more => 1 }) {
        is_error($half->act($page, $form), 401, 'code_required',
                 "[attack 5] [attack 35] nor posts $page");
        is($half->post_html("/2fa/$page", $form)->status, 401,
           "[attack 5] [attack 35] nor as a browser");
    }
    my $r = $half->get_html("/2fa/$page");
    is_redirect($r, '/2fa/code', "/2fa/$page", "[attack 5] $page: a browser is sent to the code");
    unlike($r->body, qr/otpauth|svg/, "[attack 35] $page: shows no picture");
}
is_deeply(record(), $had, '[attack 35] no secret was made, and the record is as it was');
for my $path ('/', '/x', '/x?next=/2fa/settings', '/2fa/../x', '/any/where.css') {
    refused($half->get($path), "[attack 5] $path is not open to stage password");
}
is($app->hits, 0, '[attack 5] none of it reached the application');

my $staff = $t->client(port => 'staff');
for my $name (qw(totp totp-staff)) {
    $staff->{jar} = { $name => $good };
    is_error($staff->get_json('/x'), 401, 'login_required',
             "[attack 6] a session of another realm, as $name");
}


# Fixation: a planted value never gains a stage.

my $planted = $visitor->cookie;
my $victim = $t->client;
$victim->{jar}{totp} = $planted;
$victim->login('bob');
isnt($victim->cookie, $planted, '[attack 10] signing in makes a new session');
is_error($visitor->get_json('/x'), 401, 'login_required',
         '[attack 10] the planted value stays what it was');

my $two = $t->client;
$two->login('alice');
my $stage1 = $two->cookie;
$two->code($t->otp('alice')->next_code);
isnt($two->cookie, $stage1, 'the code makes a new session');
my $old = $t->client;
$old->{jar}{totp} = $stage1;
isnt($old->get_json('/x')->status, 200, '[attack 10] the old one gained nothing');


# The key decides: another keyring, another session.

my $rig_key = random_bytes(32);
$t->keyring('k1' => $rig_key);
ok($t->node->reload, 'reload with another key under the same id');
is_error($alice->get_json('/x'), 401, 'login_required', '[attack 7] no old session holds');

my $bob = $t->client;
$bob->login('bob');
through($bob->get('/ping'), 'a session under the new key');
$t->keyring('k2' => random_bytes(32), 'k1' => $rig_key);
ok($t->node->reload, 'a new key in front');
is_error($bob->get_json('/x'), 401, 'setup_required', '[attack 7] the old key still verifies');
is($bob->page('settings')->status, 200, 'also in the portal');
$t->keyring('k2' => random_bytes(32));
ok($t->node->reload, 'the old key removed');
is_error($bob->get_json('/x'), 401, 'login_required', '[attack 7] and no more');

$t->finish;

done_testing;
